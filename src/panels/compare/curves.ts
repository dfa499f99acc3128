import { Debouncer } from '@lumino/polling';

import { fetchCurves, type ICurve, type WindowAxis } from '../../api/runs';
import { RemoteModel } from '../../model/remote';
import type { CompareModel } from './model';

/** Milliseconds between looks at the metrics of runs that go on, and of those that have ended. */
const LIVE = 2_000;
const CALM = 60_000;

/** How long a zoom has to rest before its points are fetched, in milliseconds. */
const REST = 150;

/** Most runs in one request. */
const MOST = 250;

/** Points of a line over another metric, which are matched by their steps. */
const MATCHED = 2_000;

/** The part of an axis that is looked at. */
export interface IWindow {
  axis: WindowAxis;
  start: number;
  end: number;
}

/** The lines of a metric. */
export interface ILines {
  /** All of each line. */
  whole: readonly ICurve[];
  /** The part that is looked at, in more detail. */
  detail: { window: IWindow; curves: readonly ICurve[] } | null;
  /** The lines of the metric on the horizontal axis, if there is one. */
  over: readonly ICurve[];
}

/** The lines of one metric of the runs that are drawn, as finely as they are looked at. */
export class CurvesModel extends RemoteModel<ILines> {
  constructor(
    private readonly _compare: CompareModel,
    private readonly _metric: string,
    private readonly _over: string | null
  ) {
    super(`curves:${_metric}`, () => this._load(), LIVE);
    this._zoomer = new Debouncer(() => this.refresh(), REST);
    _compare.changed.connect(this._follow, this);
    _compare.viewChanged.connect(this._follow, this);
  }

  /** How many points a line is drawn with at most. */
  maxPoints = 500;

  get window(): IWindow | null {
    return this._window;
  }

  /** The lines to draw: in detail where that is there. */
  get shown(): readonly ICurve[] {
    const { value } = this;
    const isThere = value?.detail && value.detail.window === this._window;
    return (isThere ? value.detail?.curves : value?.whole) ?? [];
  }

  /** Look at a part; null looks at all. */
  zoom(window: IWindow | null): void {
    this._window = window;
    if (window !== null) {
      void this._zoomer.invoke();
    }
  }

  override dispose(): void {
    this._compare.changed.disconnect(this._follow, this);
    this._compare.viewChanged.disconnect(this._follow, this);
    this._zoomer.dispose();
    super.dispose();
  }

  private async _load(): Promise<ILines> {
    const runs = this._compare.drawn;
    const key = this._key();
    const window = this._window;
    const isOld = this._compare.isLive || key !== this._drawn;
    const { value } = this;
    const [whole, over, curves] = await Promise.all([
      isOld || !value ? this._curves(runs, this._metric, null) : value.whole,
      this._over === null
        ? []
        : isOld || !value
          ? this._curves(runs, this._over, null)
          : value.over,
      window === null ? [] : this._curves(runs, this._metric, window)
    ]);
    this._drawn = key;
    const detail = window === null ? null : { window, curves };
    return { whole, detail, over };
  }

  private async _curves(
    runs: readonly string[],
    metric: string,
    window: IWindow | null
  ): Promise<readonly ICurve[]> {
    const found: ICurve[] = [];
    const maxPoints = this._over === null ? this.maxPoints : MATCHED;
    for (let start = 0; start < runs.length; start += MOST) {
      const some = runs.slice(start, start + MOST);
      const query = { runs: some, metric, maxPoints, window };
      found.push(...(await fetchCurves(this._compare.studio.client, query)));
    }
    return found;
  }

  /** What the lines depend on: runs, and whether they go on. */
  private _key(): string {
    const { drawn, value } = this._compare;
    const isDrawn = new Set(drawn);
    const states = (value?.runs ?? [])
      .filter(run => isDrawn.has(run.name))
      .map(run => [run.name, run.status]);
    return JSON.stringify(states);
  }

  private _follow(): void {
    this.interval = this._compare.isLive ? LIVE : CALM;
    if (this.value !== null && this._key() !== this._drawn) {
      void this.refresh();
    }
  }

  private _drawn = '';
  private _window: IWindow | null = null;
  private readonly _zoomer: Debouncer;
}
