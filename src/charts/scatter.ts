import type { IThemeColors } from './colors';
import type { Pen } from './pen';
import { type IScale, scaleOf } from './scale';

/** Room around the points in pixels. */
const LEFT = 64;
const RIGHT = 12;
const TOP = 10;
const BOTTOM = 36;

/** Side of a point in pixels. */
const POINT = 5;

/** The values of a column for each run. */
export interface IScatterAxis {
  title: string;
  log: boolean;
  values: readonly (number | string | null)[];
}

/** A point for each run, placed and ready to draw. */
export class ScatterLayout {
  constructor(
    readonly across: IScatterAxis,
    readonly up: IScatterAxis,
    readonly width: number,
    readonly height: number
  ) {
    this._x = scaleOf(across.values, across.log);
    this._y = scaleOf(up.values, up.log);
    this.points = across.values.map((value, run) => [
      this._left(this._x.place(value)),
      this._top(this._y.place(up.values[run] ?? null))
    ]);
  }

  /** Of each run, in pixels; NaN where it has no value. */
  readonly points: readonly (readonly [number, number])[];

  /** The run whose point is nearest, if one is within reach. */
  runAt(x: number, y: number, reach = 12): number {
    let [nearest, distance] = [-1, reach];
    this.points.forEach(([left, top], run) => {
      const gap = Math.hypot(left - x, top - y);
      if (gap < distance) {
        [nearest, distance] = [run, gap];
      }
    });
    return nearest;
  }

  draw(pen: Pen, colorOf: (run: number) => string, theme: IThemeColors): void {
    const [start, end] = [this._left(0), this._left(1)];
    const [foot, head] = [this._top(0), this._top(1)];
    pen.lineWidth = 1;
    pen.setLineDash([]);
    pen.strokeStyle = theme.grid;
    pen.fillStyle = theme.text;
    pen.textBaseline = 'middle';
    pen.textAlign = 'right';
    pen.beginPath();
    for (const { text, place } of this._y.labels) {
      pen.moveTo(start, this._top(place));
      pen.lineTo(end, this._top(place));
      pen.fillText(text.slice(0, 10), start - 5, this._top(place));
    }
    pen.textAlign = 'center';
    for (const { text, place } of this._x.labels) {
      pen.moveTo(this._left(place), foot);
      pen.lineTo(this._left(place), head);
      pen.fillText(text.slice(0, 10), this._left(place), foot + 10);
    }
    pen.stroke();
    pen.fillText(this.across.title, (start + end) / 2, this.height - 8);
    pen.globalAlpha = this.points.length > 500 ? 0.6 : 1;
    this.points.forEach(([x, y], run) => {
      if (!Number.isNaN(x + y)) {
        pen.fillStyle = colorOf(run);
        pen.fillRect(x - POINT / 2, y - POINT / 2, POINT, POINT);
      }
    });
    pen.globalAlpha = 1;
  }

  private _left(place: number): number {
    return LEFT + place * (this.width - LEFT - RIGHT);
  }

  private _top(place: number): number {
    return this.height - BOTTOM - place * (this.height - TOP - BOTTOM);
  }

  private readonly _x: IScale;
  private readonly _y: IScale;
}
