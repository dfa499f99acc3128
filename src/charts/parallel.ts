import type { IThemeColors } from './colors';
import type { Pen } from './pen';
import { colorAt, type IScale, scaleOf } from './scale';

/** A column that lines cross. */
export interface IParallelAxis {
  id: string;
  title: string;
  log: boolean;
  flip: boolean;
  /** One for each run. */
  values: readonly (number | string | null)[];
}

/** From where to where an axis is brushed: 0 is its foot, 1 its head. */
export type Brushes = Readonly<Record<string, readonly [number, number]>>;

/** Room beside and above the axes in pixels. */
export const MARGIN = { top: 28, bottom: 14, side: 56 };

/** Colours that lines are sorted into, so that those of one are one path. */
const SHADES = 16;

/** Height of an axis label in characters of its width. */
const TITLE = 16;

/** Lines across axes, one for each run, placed and ready to draw. */
export class ParallelLayout {
  constructor(
    readonly axes: readonly IParallelAxis[],
    readonly width: number,
    readonly height: number
  ) {
    this.scales = axes.map(axis => scaleOf(axis.values, axis.log, axis.flip));
    const count = axes[0]?.values.length ?? 0;
    this.count = count;
    this.places = axes.map((axis, number) =>
      Float64Array.from(
        { length: count },
        (_, run) => this.scales[number]?.place(axis.values[run] ?? null) ?? NaN
      )
    );
  }

  readonly scales: readonly IScale[];
  /** How many runs there are. */
  readonly count: number;
  /** Of each axis, of each run: from 0 to 1, NaN where a run has no value. */
  readonly places: readonly Float64Array[];

  /** Where an axis stands, in pixels. */
  x(axis: number): number {
    const room = this.width - 2 * MARGIN.side;
    return MARGIN.side + (room * axis) / Math.max(1, this.axes.length - 1);
  }

  /** Where a place on an axis is, in pixels. */
  y(place: number): number {
    return this.height - MARGIN.bottom - place * this._room;
  }

  /** The place on an axis at a height, from 0 to 1. */
  placeAt(y: number): number {
    const place = (this.height - MARGIN.bottom - y) / this._room;
    return Math.max(0, Math.min(1, place));
  }

  /** The axis within reach of a place in pixels; -1 where there is none. */
  axisAt(x: number, reach = 14): number {
    return this.axes.findIndex(
      (_, axis) => Math.abs(this.x(axis) - x) <= reach
    );
  }

  /** The runs whose lines go through all brushes. */
  brushed(brushes: Brushes): number[] {
    const tests = this.axes.flatMap(({ id }, axis) => {
      const brush = brushes[id];
      const places = this.places[axis];
      return brush && places ? [{ brush, places }] : [];
    });
    return Array.from({ length: this.count }, (_, run) => run).filter(run =>
      tests.every(({ brush: [from, to], places }) => {
        const place = places[run] ?? NaN;
        return place >= from && place <= to;
      })
    );
  }

  /** The run whose line is nearest to a place in pixels, if one is within reach. */
  runAt(x: number, y: number, among: readonly number[], reach = 8): number {
    const left = this.axes.findIndex(
      (_, axis) => this.x(axis) <= x && x <= this.x(axis + 1)
    );
    const [from, to] = [this.places[left], this.places[left + 1]];
    if (!from || !to) {
      return -1;
    }
    const share = (x - this.x(left)) / (this.x(left + 1) - this.x(left));
    let [nearest, distance] = [-1, reach];
    for (const run of among) {
      const [a, b] = [this.y(from[run] ?? NaN), this.y(to[run] ?? NaN)];
      const gap = Math.abs(a + (b - a) * share - y);
      if (gap < distance) {
        [nearest, distance] = [run, gap];
      }
    }
    return nearest;
  }

  /** Draw the line of a run. What it has no value for is left out. */
  trace(pen: Pen, run: number): void {
    let isOn = false;
    this.places.forEach((places, axis) => {
      const place = places[run] ?? NaN;
      if (Number.isNaN(place)) {
        isOn = false;
      } else if (isOn) {
        pen.lineTo(this.x(axis), this.y(place));
      } else {
        pen.moveTo(this.x(axis), this.y(place));
        isOn = true;
      }
    });
  }

  /** Draw all: lines that are brushed in the colours of the last axis, then the axes. */
  draw(pen: Pen, brushes: Brushes, theme: IThemeColors): void {
    const chosen = this.brushed(brushes);
    const isChosen = new Set(chosen);
    pen.lineWidth = 1;
    pen.setLineDash([]);
    if (chosen.length < this.count) {
      pen.strokeStyle = theme.grid;
      pen.globalAlpha = 0.5;
      pen.beginPath();
      for (let run = 0; run < this.count; run++) {
        if (!isChosen.has(run)) {
          this.trace(pen, run);
        }
      }
      pen.stroke();
    }
    pen.globalAlpha = Math.max(0.25, Math.min(1, 60 / chosen.length));
    const last = this.places[this.places.length - 1];
    const shades = new Map<number, number[]>();
    for (const run of chosen) {
      const place = last?.[run] ?? NaN;
      const shade = Number.isNaN(place) ? -1 : Math.round(place * SHADES);
      const runs = shades.get(shade) ?? [];
      runs.push(run);
      shades.set(shade, runs);
    }
    for (const [shade, runs] of shades) {
      pen.strokeStyle = colorAt(shade < 0 ? NaN : shade / SHADES);
      pen.beginPath();
      runs.forEach(run => this.trace(pen, run));
      pen.stroke();
    }
    pen.globalAlpha = 1;
    this._drawAxes(pen, brushes, theme);
  }

  private _drawAxes(pen: Pen, brushes: Brushes, theme: IThemeColors): void {
    const wide = (this.x(1) - this.x(0) || this.width) / TITLE;
    this.axes.forEach((axis, number) => {
      const x = this.x(number);
      pen.strokeStyle = theme.text;
      pen.lineWidth = 1;
      pen.beginPath();
      pen.moveTo(x, this.y(0));
      pen.lineTo(x, this.y(1));
      pen.stroke();
      pen.fillStyle = theme.text;
      pen.textAlign = 'center';
      pen.textBaseline = 'middle';
      const most = Math.max(4, Math.floor(wide * 2.4));
      const short =
        axis.title.length > most
          ? `…${axis.title.slice(1 - most)}`
          : axis.title;
      pen.fillText(short, x, 10);
      pen.textAlign = 'right';
      this.scales[number]?.labels.forEach(({ text, place }) =>
        pen.fillText(text.slice(0, 12), x - 5, this.y(place))
      );
      const brush = brushes[axis.id];
      if (brush) {
        pen.fillStyle = theme.text;
        pen.globalAlpha = 0.3;
        const [top, foot] = [this.y(brush[1]), this.y(brush[0])];
        pen.fillRect(x - 6, top, 12, Math.max(2, foot - top));
        pen.globalAlpha = 1;
      }
    });
  }

  private get _room(): number {
    return this.height - MARGIN.top - MARGIN.bottom;
  }
}
