import { type ISignal, Signal } from '@lumino/signaling';

import {
  type ILogDescription,
  type ILogHits,
  type ILogLine,
  type ILogPage,
  type ILogPlace,
  type ILogQuery,
  type ILogReference,
  type ILogScope,
  type ILogStart,
  type LogLevel,
  logScope
} from '../../api/logs';
import { RemoteModel } from '../../model/remote';
import type { IMLStudio, IResourceEvent } from '../../tokens';
import { LogFilter } from './filter';
import { KeptLines } from './kept';
import { linkTo } from './links';
import { LogNavigation } from './navigation';
import { LogSearch } from './search';
import type { TimeStyle } from './times';

/** Milliseconds between looks at a log that grows, that rests, and whose lines are being counted. */
const [FAST, SLOW, COUNTING] = [1_000, 4_000, 100];

/** Lines of the end that every look brings along. */
const TAIL = 100;

/** Lines that are fetched at once where they are wanted. */
const PAGE = 400;

/** Characters of a line that are fetched before somebody wants all of it. */
export const WIDTH = 2_000;

/** How lines are drawn. */
export interface ILook {
  times: TimeStyle;
  wrap: boolean;
}

/** What is looked for, as the user says it. */
export interface ISearchText {
  pattern: string;
  regex: boolean;
  matchCase: boolean;
}

/**
 * The log of a resource: its lines by number, as many as are looked at, its end, what is found in
 * it and what is filtered out of it.
 *
 * Rows are what a view shows, by index: all lines, those that pass the filter, or, while the lines
 * are being counted, only the last ones.
 */
export class LogModel extends RemoteModel<ILogDescription> {
  constructor(
    private readonly _studio: IMLStudio,
    readonly place: ILogPlace
  ) {
    super(`log:${place.kind}:${place.name}`, () => this._fetchEnd(), FAST);
    const find = (
      query: ILogQuery,
      from: { FirstLine?: number; Backwards?: boolean },
      limit: number
    ) => this._find(query, from, limit);
    this.search = new LogSearch(find, () => this.redraw());
    this.go = new LogNavigation(this);
    this._newFilter = query => new LogFilter(query, find, () => this.redraw());
    _studio.resourceChanged.connect(this._onChange, this);
  }

  /** What was found of the text that is looked for. */
  readonly search: LogSearch;

  /** The way to a line. */
  readonly go: LogNavigation;

  get look(): ILook {
    return this._look;
  }

  set look(look: ILook) {
    this._look = look;
    this.redraw();
  }

  /** Whether a view should stay at the end. */
  get following(): boolean {
    return this._following;
  }

  set following(following: boolean) {
    if (following !== this._following) {
      this._following = following;
      this._seen = this.count;
      this.redraw();
    }
  }

  /** How many rows came since a view stopped to follow. */
  get news(): number {
    return this._following ? 0 : Math.max(0, this.count - this._seen);
  }

  /** The streams that are shown, or null for all. */
  get streams(): readonly string[] | null {
    return this._streams;
  }

  /** All streams that were ever there. */
  get allStreams(): readonly string[] {
    return this._allStreams;
  }

  get level(): LogLevel | '' {
    return this._level;
  }

  get text(): ISearchText {
    return this._text;
  }

  /** Whether lines without the text are left out. */
  get onlyMatches(): boolean {
    return this._onlyMatches;
  }

  /** What lines pass, or null when all are shown. */
  get filter(): LogFilter | null {
    return this._filter;
  }

  /** Emitted when the user wants to say what to look for. */
  get searchWanted(): ISignal<this, void> {
    return this._searchWanted;
  }

  /** Let the user say what to look for. */
  askForText(): void {
    this._searchWanted.emit();
  }

  /** When the first line was written, in milliseconds since 1970. */
  get origin(): number {
    const firsts = (this.value?.Streams ?? []).map(
      stream => stream.FirstTime ?? Infinity
    );
    return Math.min(...firsts, Date.now());
  }

  /** How much of the log is counted, from 0 to 1; 1 when its lines have numbers. */
  get counted(): number {
    const { value } = this;
    return value === null || value.LineCount !== undefined
      ? 1
      : value.CountedByteCount / Math.max(value.ByteCount, 1);
  }

  /** How many rows there are. */
  get count(): number {
    return (
      this._filter?.lines.length ??
      this._last?.length ??
      this.value?.LineCount ??
      0
    );
  }

  /** The line of a row, if it is here. */
  row(index: number): ILogLine | undefined {
    const rows = this._filter?.lines ?? this._last;
    return rows ? rows[index] : this._kept.get(index);
  }

  /** The row of a line, or the first after it. */
  indexOf(number: number): number {
    return this._filter ? this._filter.indexOf(number) : number;
  }

  /** Fetch the rows that are looked at, and forget those far from them. Never rejects. */
  want(first: number, last: number): void {
    this._wanted = [Math.max(0, first), Math.min(last, this.count - 1)];
    if (this._filter) {
      void this._filter.want(first);
    } else if (!this._isFetching) {
      void this._fetchWanted();
    }
  }

  /** Show only some streams, or all of them. */
  async show(streams: readonly string[] | null): Promise<void> {
    this._streams = streams;
    this._kept.renumber('');
    this.go.forget();
    await this._anew();
  }

  /** Show only lines that are this serious or more, or all. */
  async showLevel(level: LogLevel | ''): Promise<void> {
    this._level = level;
    await this._anew();
  }

  /** Leave out lines without the text, or show them again. */
  async showOnlyMatches(only: boolean): Promise<void> {
    this._onlyMatches = only;
    await this._anew();
  }

  /** Look for text in the whole log. */
  async lookFor(text: ISearchText): Promise<void> {
    this._text = text;
    await this._anew();
  }

  /** Return the address of a line; null as long as it has no number. */
  linkTo(line: ILogLine): string | null {
    return linkTo(this._studio.client.baseUrl, this.place, line);
  }

  /** Return whole lines, however long: as many as asked for, or fewer where they are long. */
  async whole(first: number, count: number): Promise<string[]> {
    const page = await this._studio.client.readLog(
      this._scope,
      { FirstLine: first },
      count
    );
    return page.Lines.map(line => line.Message);
  }

  /** Return the number of a line of a stream; null if there is none. */
  async numberOf(reference: ILogReference): Promise<number | null> {
    while (!this.isDisposed) {
      const page = await this._read({ Line: reference }, 1);
      const number = page.Lines[0]?.LineNumber;
      if (number !== undefined || page.Log.LineCount !== undefined) {
        return number ?? null;
      }
    }
    return null;
  }

  /** Stop to follow the end, and show a line even if it does not pass the filter. */
  async includeLine(number: number): Promise<void> {
    this._following = false;
    this._seen = this.count;
    if (this._filter && !(await this._filter.load(number))) {
      this._level = '';
      this._onlyMatches = false;
      await this._anew();
    }
    this.redraw();
  }

  /** The first row that is looked at. */
  get firstWanted(): number {
    return this._wanted[0];
  }

  /** Let views draw again. */
  redraw(): void {
    if (this.value !== null && !this.isDisposed) {
      this.expect(this.value);
    }
  }

  override dispose(): void {
    this._studio.resourceChanged.disconnect(this._onChange, this);
    this.search.stop();
    this._filter?.stop();
    Signal.clearData(this.go);
    super.dispose();
  }

  private get _scope(): ILogScope {
    return logScope(this.place, this._streams);
  }

  /** What is searched for, or else what passes the filter; null where that is everything. */
  query(search: boolean): ILogQuery | null {
    const { matchCase, pattern, regex } = this._text;
    const text =
      pattern !== '' && (search || this._onlyMatches)
        ? { Pattern: pattern, Regex: regex, MatchCase: matchCase }
        : {};
    const level = this._level === '' ? {} : { MinimumLevel: this._level };
    const query = { ...text, ...level };
    const isAll = search ? pattern === '' : Object.keys(query).length === 0;
    return isAll ? null : query;
  }

  private async _anew(): Promise<void> {
    this._filter?.stop();
    const query = this.query(false);
    this._filter = query ? this._newFilter(query) : null;
    await this.refresh();
    await Promise.all([
      this._filter?.start(),
      this.search.start(this.query(true))
    ]);
  }

  private async _fetchEnd(): Promise<ILogDescription> {
    const scope = this._streams;
    const page = await this._read({ FromEnd: true }, TAIL);
    if (scope !== this._streams && this.value) {
      return this.value;
    }
    const before = this.value?.LineCount;
    if (page.Log.Order !== this._kept.order) {
      this._kept.renumber(page.Log.Order);
    }
    const { LineCount: count } = page.Log;
    this._last = count === undefined ? page.Lines : null;
    const names = page.Log.Streams.map(stream => stream.LogStreamName);
    this._allStreams = [...new Set([...this._allStreams, ...names])].sort();
    const grew = count !== before;
    if (count === undefined) {
      this.interval = COUNTING;
    } else {
      if (grew) {
        this._kept.grow();
      }
      this._kept.keep(page);
      this.interval = grew ? FAST : Math.min(this.interval * 2, SLOW);
      if (grew) {
        void this.search.goOn();
        void this._filter?.goOn();
      }
    }
    return page.Log;
  }

  private async _fetchWanted(): Promise<void> {
    this._isFetching = true;
    try {
      for (;;) {
        const [first, last] = this._wanted;
        const missing = this._kept.firstMissing(first, last);
        if (missing === null || this._last !== null || this.isDisposed) {
          return;
        }
        // Some more in the direction that is probably scrolled to.
        const start =
          missing > first ? missing : Math.max(0, last - PAGE + 1, 0);
        const from = missing > first ? start : Math.min(missing, start);
        const page = await this._read({ FirstLine: from }, PAGE);
        if (page.Log.Order !== this._kept.order || page.Lines.length === 0) {
          await this.refresh();
          return;
        }
        this._kept.keep(page);
        this._kept.forgetAllBut(first, last);
        this.redraw();
      }
    } catch {
      // The poll says what is wrong, and a view asks again.
      void this.refresh();
    } finally {
      this._isFetching = false;
    }
  }

  private _read(start: ILogStart, limit: number): Promise<ILogPage> {
    return this._studio.client.readLog(this._scope, start, limit, WIDTH);
  }

  private _find(
    query: ILogQuery,
    from: { FirstLine?: number; Backwards?: boolean },
    limit: number
  ): Promise<ILogHits> {
    return this._studio.client.searchLog(
      this._scope,
      query,
      from,
      limit,
      WIDTH
    );
  }

  private _onChange(_: IMLStudio, event: IResourceEvent): void {
    if (event.kind === this.place.kind && event.name === this.place.name) {
      void this.refresh();
    }
  }

  private _allStreams: readonly string[] = [];
  private _filter: LogFilter | null = null;
  private _following = true;
  private _isFetching = false;
  private readonly _kept = new KeptLines();
  /** The last lines, while there are no numbers. */
  private _last: readonly ILogLine[] | null = null;
  private _level: LogLevel | '' = '';
  private readonly _newFilter: (query: ILogQuery) => LogFilter;
  private _look: ILook = { times: 'local', wrap: false };
  private _onlyMatches = false;
  private readonly _searchWanted = new Signal<this, void>(this);
  private _seen = 0;
  private _streams: readonly string[] | null = null;
  private _text: ISearchText = { pattern: '', regex: false, matchCase: false };
  private _wanted: [number, number] = [0, -1];
}
