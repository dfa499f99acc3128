import type { ILogLine, ILogQuery } from '../../api/logs';
import type { Find } from './search';

/** Lines that are kept of a filtered log, the last ones. */
export const MOST_FILTERED = 20_000;

/** Lines that are looked for at a time. */
const PAGE = 500;

/** How near to the first line that is here earlier ones are looked for. */
const NEAR = 100;

/** The lines of a log that match a query: the last ones, and earlier ones where they are wanted. */
export class LogFilter {
  constructor(
    private readonly _query: ILogQuery,
    private readonly _find: Find,
    private readonly _onChange: () => void
  ) {}

  get lines(): readonly ILogLine[] {
    return this._lines;
  }

  /** Whether earlier lines may match that are not here. */
  get hasMore(): boolean {
    return this._earliest !== null;
  }

  /** Whether as many lines are here as there may be. */
  get isFull(): boolean {
    return this._lines.length >= MOST_FILTERED;
  }

  /** Why lines cannot be filtered. */
  get error(): string {
    return this._error;
  }

  /** Find the last lines that match. Never rejects. */
  async start(): Promise<void> {
    await this._earlier(this._lines.length + 1);
  }

  /** Find earlier lines if the first rows are looked at. */
  async want(first: number): Promise<void> {
    if (first < NEAR && this._lines.length > 0) {
      await this._earlier(this._lines.length + 1);
    }
  }

  /** Find lines as far back as a line; say whether that is one of those that match. */
  async load(number: number): Promise<boolean> {
    while (!this._has(number) && this._earliest !== null && !this.isFull) {
      if ((this._lines[0]?.LineNumber ?? Infinity) < number || this._error) {
        break;
      }
      await this._earlier(this._lines.length + 1);
    }
    return this._has(number);
  }

  /** Find what was written since. */
  async goOn(): Promise<void> {
    if (this._latest === null || this._isGoingOn) {
      return;
    }
    this._isGoingOn = true;
    try {
      let next: number | undefined = this._latest;
      while (next !== undefined && !this._isStopped) {
        const answer = await this._find(this._query, { FirstLine: next }, PAGE);
        const known = this._lines[this._lines.length - 1]?.LineNumber ?? -1;
        const fresh = answer.Lines.filter(
          line => (line.LineNumber ?? 0) > known
        );
        this._latest = answer.NextLine ?? answer.Log.LineCount ?? next;
        next = answer.NextLine;
        if (fresh.length > 0) {
          this._lines = [...this._lines, ...fresh].slice(-MOST_FILTERED);
          this._onChange();
        }
      }
    } catch {
      // The poll of the log says what is wrong, and the next look goes on.
    } finally {
      this._isGoingOn = false;
    }
  }

  stop(): void {
    this._isStopped = true;
  }

  /** The row of a line, or of the first after it. */
  indexOf(number: number): number {
    let [low, high] = [0, this._lines.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this._lines[middle]?.LineNumber ?? 0) < number) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  private _has(number: number): boolean {
    return this._lines[this.indexOf(number)]?.LineNumber === number;
  }

  /** Look further back until there are so many lines, or no more. */
  private async _earlier(enough: number): Promise<void> {
    if (this._isLooking || this.isFull) {
      return;
    }
    this._isLooking = true;
    try {
      while (
        this._earliest !== null &&
        this._lines.length < enough &&
        !this._isStopped
      ) {
        const where =
          this._earliest === undefined ? {} : { FirstLine: this._earliest };
        const answer = await this._find(
          this._query,
          { ...where, Backwards: true },
          PAGE
        );
        if (answer.Log.LineCount === undefined) {
          continue;
        }
        this._latest ??= answer.Log.LineCount;
        this._earliest = answer.NextLine ?? null;
        this._lines = [...answer.Lines.reverse(), ...this._lines];
        this._onChange();
      }
    } catch (reason) {
      this._error = reason instanceof Error ? reason.message : String(reason);
      this._onChange();
    } finally {
      this._isLooking = false;
    }
  }

  /** The line before which was not looked yet; undefined is the end, null the start of the log. */
  private _earliest: number | null | undefined = undefined;
  private _error = '';
  private _isGoingOn = false;
  private _isLooking = false;
  private _isStopped = false;
  /** The line up to which was looked. */
  private _latest: number | null = null;
  private _lines: readonly ILogLine[] = [];
}
