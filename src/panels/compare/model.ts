import { DisposableDelegate, type IDisposable } from '@lumino/disposable';
import { Debouncer, Throttler } from '@lumino/polling';
import { type ISignal, Signal } from '@lumino/signaling';

import {
  fetchMetricNames,
  fetchRunMetrics,
  fetchRunTable,
  type IMetricColumn
} from '../../api/runs';
import { STUDIO_KIND } from '../../model/events';
import { RemoteModel } from '../../model/remote';
import type { IMLStudio, IRemoteModel, IResourceEvent } from '../../tokens';
import {
  type IComparison,
  METRIC,
  NOTE_LENGTH,
  NOTE_PARAMETER,
  PARAMETER,
  shownColumns
} from './columns';
import { Pictures } from './pictures';
import { columnNamed, filterColumns, filterRuns } from './rows';
import { type IView, linesOf, NEW_VIEW } from './view';

/** The shortest time between two fetches that events ask for, in milliseconds. */
const THROTTLE = 2_000;

/** How long scrolling has to rest before the columns it brought are fetched, in milliseconds. */
const REST = 60;

/** Most columns of metrics in one request. */
const MOST = 100;

/** Runs that have lines, and charts of lines, before the user chooses. */
const FIRST_DRAWN = 10;
const FIRST_CHARTS = 2;

/** Metrics among which those of the first charts are chosen. */
const RANKED = 20;

/** What can be undone. */
const REMEMBERED = 100;

/** Changes of these alone are not worth an undo. */
const TRIVIAL = new Set<keyof IView>(['strokes', 'widths']);

/**
 * Runs that are compared: a view of them, which belongs to the user, and what is known of them,
 * which is fetched as far as the view shows it.
 */
export class CompareModel extends RemoteModel<IComparison> {
  constructor(
    readonly studio: IMLStudio,
    view: IView = NEW_VIEW
  ) {
    super('compare', () => this._load(), studio.pollInterval * 1000);
    this._view = view;
    this._refresher = new Throttler(() => this.refresh(), {
      limit: THROTTLE,
      edge: 'trailing'
    });
    this._completer = new Debouncer(() => this._complete(), REST);
    studio.resourceChanged.connect(this._onChange, this);
  }

  /** How the charts that are on the page are drawn as pictures. */
  readonly pictures = new Pictures();

  get view(): IView {
    return this._view;
  }

  /** Emitted when the user has changed the view. */
  get viewChanged(): ISignal<this, void> {
    return this._viewChanged;
  }

  get canUndo(): boolean {
    return this._past.length > 0;
  }

  get canRedo(): boolean {
    return this._future.length > 0;
  }

  /** Change the view; `undo` takes it back. */
  update(change: Partial<IView>): void {
    const changed = Object.keys(change) as (keyof IView)[];
    if (!changed.every(member => TRIVIAL.has(member))) {
      this._past = [...this._past.slice(1 - REMEMBERED), this._view];
      this._future = [];
    }
    this._show({ ...this._view, ...change });
  }

  /** Show another view, such as that of a file. */
  open(view: IView): void {
    this._past = [];
    this._future = [];
    this._show(view);
  }

  undo(): void {
    const view = this._past.pop();
    if (view !== undefined) {
      this._future.push(this._view);
      this._show(view);
    }
  }

  redo(): void {
    const view = this._future.pop();
    if (view !== undefined) {
      this._past.push(this._view);
      this._show(view);
    }
  }

  /** The names of the runs that have lines. */
  get drawn(): readonly string[] {
    const { value, _view: view } = this;
    if (this._lines.value !== value || this._lines.view !== view) {
      const names = value === null ? [] : drawnRuns(value, view);
      this._lines = { value, view, names, set: new Set(names) };
    }
    return this._lines.names;
  }

  /** Whether a run has a line. */
  isDrawn(name: string): boolean {
    return this.drawn.length > 0 && this._lines.set.has(name);
  }

  /** The charts: those of the view, or lines of the metrics that most runs have. */
  get charts(): NonNullable<IView['charts']> {
    if (this._view.charts !== null || this.value === null) {
      return this._view.charts ?? [];
    }
    const { metrics, numbers } = this.value;
    const measured = new Map(
      [...numbers].map(([name, { last }]) => [
        name,
        last.reduce((sum, value) => sum + Number(!Number.isNaN(value)), 0)
      ])
    );
    const count = (name: string) => measured.get(name) ?? 0;
    return [...metrics.slice(0, RANKED)]
      .sort((a, b) => count(b) - count(a))
      .slice(0, FIRST_CHARTS)
      .map(linesOf);
  }

  /** The columns that are shown, but for those hidden because runs do not differ in them. */
  get columns(): readonly string[] {
    return this.value === null
      ? []
      : shownColumns(this.value, { ...this._view, differences: false });
  }

  /** Move a column by so many places. */
  moveColumn(id: string, by: number): void {
    const columns = [...this.columns];
    const from = columns.indexOf(id);
    const to = Math.max(0, Math.min(columns.length - 1, from + by));
    if (from >= 0) {
      columns.splice(from, 1);
      columns.splice(to, 0, id);
      this.update({ columns });
    }
  }

  /** Compare only the runs that the filter finds, and filter no more. */
  keepFiltered(): void {
    const { value } = this;
    if (value !== null) {
      const runs = filterRuns(value, this._view).flatMap(
        index => value.runs[index]?.name ?? []
      );
      this.update({ runs, filter: '' });
    }
  }

  /** The names of the runs there are beside those that are compared. */
  async otherRuns(): Promise<string[]> {
    const { runs } = await fetchRunTable(this.studio.client, null, []);
    const here = new Set(this.value?.runs.map(run => run.name));
    return runs.map(run => run.name).filter(name => !here.has(name));
  }

  /** Whether a run that is compared goes on. */
  get isLive(): boolean {
    return (
      this.value?.runs.some(run =>
        /^(InProgress|Stopping)$/.test(run.status)
      ) ?? false
    );
  }

  /** The number that a run's look is made of: the first free one, and from then on the same. */
  strokeOf(name: string): number {
    const given = this._view.strokes[name] ?? this._strokes.get(name);
    if (given !== undefined) {
      return given;
    }
    const taken = new Set([
      ...Object.values(this._view.strokes),
      ...this._strokes.values()
    ]);
    let free = 0;
    while (taken.has(free)) {
      free += 1;
    }
    this._strokes.set(name, free);
    return free;
  }

  /** The view with everything that was decided for the user, so that it looks the same elsewhere. */
  snapshot(): IView {
    const strokes = { ...this._view.strokes };
    this.drawn.forEach(name => {
      strokes[name] = this.strokeOf(name);
    });
    return { ...this._view, strokes };
  }

  /** See that columns are fetched, which the user sees or a chart draws. */
  want(ids: Iterable<string>): void {
    let isNew = false;
    for (const id of ids) {
      if (!this._wanted.has(id) && /^[mp]:/.test(id)) {
        this._wanted.add(id);
        isNew = true;
      }
    }
    if (isNew && this.value !== null) {
      void this._completer.invoke();
    }
  }

  /** Keep a note about a run with it, in AWS's own way. */
  async annotate(name: string, note: string): Promise<void> {
    const text = note.replace(/\s+/g, ' ').trim().slice(0, NOTE_LENGTH);
    await this.studio.client.call('sagemaker', 'UpdateTrialComponent', {
      TrialComponentName: name,
      ...(text === ''
        ? { ParametersToRemove: [NOTE_PARAMETER] }
        : { Parameters: { [NOTE_PARAMETER]: { StringValue: text } } })
    });
    await this.refresh();
  }

  /** Keep a model up to date as long as this one is; until the returned object is disposed. */
  accompany(model: IRemoteModel<unknown>): IDisposable {
    this._companions.set(model, this._watches > 0 ? model.watch() : null);
    return new DisposableDelegate(() => {
      this._companions.get(model)?.dispose();
      this._companions.delete(model);
    });
  }

  override watch(): IDisposable {
    const watch = super.watch();
    this._watches += 1;
    this._tell();
    return new DisposableDelegate(() => {
      watch.dispose();
      this._watches -= 1;
      this._tell();
    });
  }

  override dispose(): void {
    this.studio.resourceChanged.disconnect(this._onChange, this);
    this._refresher.dispose();
    this._completer.dispose();
    super.dispose();
  }

  private async _load(): Promise<IComparison> {
    const { client } = this.studio;
    const { runs } = this._view;
    const [table, metrics] = await Promise.all([
      runs?.length === 0
        ? NOTHING
        : fetchRunTable(client, runs, this._names(PARAMETER)),
      runs === null ? fetchMetricNames(client, null) : this._metricNames(runs)
    ]);
    const comparison: IComparison = { ...table, metrics, numbers: new Map() };
    this._wantShown(comparison);
    return { ...comparison, ...(await this._rest(comparison)) };
  }

  /** The metrics of runs some of which may be gone. */
  private async _metricNames(
    runs: readonly string[]
  ): Promise<readonly string[]> {
    const { client } = this.studio;
    try {
      return await fetchMetricNames(client, runs);
    } catch {
      const { runs: left } = await fetchRunTable(client, runs, []);
      return fetchMetricNames(
        client,
        left.map(run => run.name)
      );
    }
  }

  /** Note which columns the view shows by itself. */
  private _wantShown(comparison: IComparison): void {
    const { sort, groups } = this._view;
    const named = filterColumns(this._view.filter);
    const ids = [
      ...shownColumns(comparison, { ...this._view, differences: false }).slice(
        0,
        FIRST_WANTED
      ),
      ...named.map(name => columnNamed(comparison, name)),
      ...groups,
      ...(sort === null ? [] : [sort.column])
    ];
    ids.filter(id => /^[mp]:/.test(id)).forEach(id => this._wanted.add(id));
  }

  private _names(kind: string): string[] {
    const names = [...this._wanted]
      .filter(id => id.startsWith(kind))
      .map(id => id.slice(kind.length));
    return kind === PARAMETER ? [NOTE_PARAMETER, ...names] : names;
  }

  /** Fetch what is wanted and not there. */
  private async _rest(
    comparison: IComparison
  ): Promise<Pick<IComparison, 'texts' | 'numbers'>> {
    const { client } = this.studio;
    const names = comparison.runs.map(run => run.name);
    const texts = this._names(PARAMETER).filter(
      name =>
        !comparison.texts.has(name) &&
        comparison.parameters.some(each => each.name === name)
    );
    const known = new Set(comparison.metrics);
    const metrics = this._names(METRIC).filter(
      name => !comparison.numbers.has(name) && known.has(name)
    );
    const [more, ...columns] = await Promise.all([
      texts.length > 0 && names.length > 0
        ? fetchRunTable(client, names, texts)
        : null,
      ...chunks(metrics).map(chunk => fetchRunMetrics(client, names, chunk))
    ]);
    const fits =
      more?.runs.every((run, index) => run.name === names[index]) ?? true;
    return {
      texts: new Map([
        ...comparison.texts,
        ...(fits ? (more?.texts ?? []) : [])
      ]),
      numbers: new Map<string, IMetricColumn>([
        ...comparison.numbers,
        ...columns.flatMap(column => [...column])
      ])
    };
  }

  private async _complete(): Promise<void> {
    const comparison = this.value;
    if (comparison === null || this.isDisposed) {
      return;
    }
    try {
      const rest = await this._rest(comparison);
      if (this.value === comparison && !this.isDisposed) {
        this.expect({ ...comparison, ...rest });
      }
    } catch {
      // The poll says what is wrong, and fetches all that is wanted.
      void this.refresh();
    }
  }

  private _show(view: IView): void {
    const other = JSON.stringify(view.runs) !== JSON.stringify(this._view.runs);
    this._view = view;
    if (other) {
      void this.refresh();
    } else if (this.value !== null) {
      const before = this._wanted.size;
      this._wantShown(this.value);
      if (this._wanted.size > before) {
        void this._completer.invoke();
      }
    }
    this._viewChanged.emit();
  }

  private _tell(): void {
    for (const [model, watch] of this._companions) {
      if (this._watches > 0 && watch === null) {
        this._companions.set(model, model.watch());
      } else if (this._watches === 0) {
        watch?.dispose();
        this._companions.set(model, null);
      }
    }
  }

  private _onChange(_: IMLStudio, event: IResourceEvent): void {
    if (KINDS.has(event.kind)) {
      void this._refresher.invoke();
    }
  }

  private readonly _companions = new Map<
    IRemoteModel<unknown>,
    IDisposable | null
  >();
  private readonly _completer: Debouncer;
  private _future: IView[] = [];
  private _lines: ILineNames = {
    value: null,
    view: NEW_VIEW,
    names: [],
    set: new Set()
  };
  private _past: IView[] = [];
  private readonly _refresher: Throttler;
  private readonly _strokes = new Map<string, number>();
  private _view: IView;
  private readonly _viewChanged = new Signal<this, void>(this);
  private _watches = 0;
  /** The ids of the columns that somebody has seen. */
  private readonly _wanted = new Set<string>();
}

/** Which runs have lines, and of what that was found out. */
interface ILineNames {
  value: IComparison | null;
  view: IView;
  names: readonly string[];
  set: ReadonlySet<string>;
}

function drawnRuns(comparison: IComparison, view: IView): string[] {
  if (view.drawn === null) {
    const first = filterRuns(comparison, view).slice(0, FIRST_DRAWN);
    return first.flatMap(index => comparison.runs[index]?.name ?? []);
  }
  const known = new Set(comparison.runs.map(run => run.name));
  return view.drawn.filter(name => known.has(name));
}

/** As many columns as fit the widest screen; those beyond are wanted when they come into sight. */
const FIRST_WANTED = 24;

const KINDS = new Set([
  STUDIO_KIND,
  'TrainingJob',
  'ProcessingJob',
  'ExperimentTrialComponent'
]);

const NOTHING = {
  runs: [],
  truncated: false,
  parameters: [],
  texts: new Map()
};

function chunks(names: readonly string[]): string[][] {
  return Array.from({ length: Math.ceil(names.length / MOST) }, (_, index) =>
    names.slice(index * MOST, (index + 1) * MOST)
  );
}
