import type { ILogHits, ILogQuery } from '../../api/logs';

/** Look for lines in a part of the log, for a moment. */
export type Find = (
  query: ILogQuery,
  from: { FirstLine?: number; Backwards?: boolean },
  limit: number
) => Promise<ILogHits>;

/** Matches after which counting ends. */
export const MOST_MATCHES = 10_000;

/** Matches that one request brings. */
const AT_ONCE = 1_000;

/** The matches of a query in a log, counted step by step. */
export class LogSearch {
  constructor(
    private readonly _find: Find,
    private readonly _onChange: () => void
  ) {}

  /** Numbers of the lines that were found, from the first on. */
  get matches(): readonly number[] {
    return this._matches;
  }

  /** How much of the log was searched, from 0 to 1. */
  get progress(): number {
    return this._progress;
  }

  /** Why the query cannot be answered. */
  get error(): string {
    return this._error;
  }

  /** Whether a match that was asked for is being looked for. */
  get isLooking(): boolean {
    return this._looking > 0;
  }

  /** Whether a line was found. */
  has(number: number): boolean {
    return this._numbers.has(number);
  }

  /** The place of a line among the matches, from 1; 0 if it is none. */
  placeOf(number: number | null): number {
    return number === null ? 0 : this._matches.indexOf(number) + 1;
  }

  /** Count the matches of another query, or of none. */
  async start(query: ILogQuery | null): Promise<void> {
    this.stop();
    this._query = query;
    this._matches = [];
    this._numbers = new Set();
    this._next = 0;
    this._progress = query ? 0 : 1;
    this._error = '';
    this._onChange();
    await this.goOn();
  }

  /** Count on in what was written since. */
  async goOn(): Promise<void> {
    const query = this._query;
    if (query === null || this._counting === this._turn) {
      return;
    }
    const turn = this._turn;
    this._counting = turn;
    try {
      while (this._matches.length < MOST_MATCHES) {
        const answer = await this._find(
          query,
          { FirstLine: this._next },
          AT_ONCE
        );
        if (turn !== this._turn) {
          return;
        }
        this._take(answer);
        if (answer.NextLine === undefined) {
          return;
        }
      }
    } catch (reason) {
      if (turn === this._turn) {
        this._error = reason instanceof Error ? reason.message : String(reason);
        this._progress = 1;
        this._onChange();
      }
    } finally {
      if (this._counting === turn) {
        this._counting = -1;
      }
    }
  }

  /** Forget what is being counted. */
  stop(): void {
    this._turn += 1;
  }

  /**
   * Return the nearest line from a number on, or before it; past the end it begins anew.
   *
   * @returns its number, or null when there is none or something newer was asked for.
   */
  async nearest(
    query: ILogQuery,
    from: number,
    backwards: boolean
  ): Promise<number | null> {
    this._looking += 1;
    const looking = ++this._asked;
    this._onChange();
    try {
      for (const start of backwards ? [from, undefined] : [from, 0]) {
        let first = start;
        for (;;) {
          const where = first === undefined ? {} : { FirstLine: first };
          const answer = await this._find(
            query,
            { ...where, Backwards: backwards },
            1
          );
          if (looking !== this._asked) {
            return null;
          }
          const number = answer.Lines[0]?.LineNumber;
          if (number !== undefined) {
            return number;
          }
          if (answer.NextLine === undefined) {
            break;
          }
          first = answer.NextLine;
        }
      }
      return null;
    } catch (reason) {
      this._error = reason instanceof Error ? reason.message : String(reason);
      return null;
    } finally {
      this._looking -= 1;
      this._onChange();
    }
  }

  private _take(answer: ILogHits): void {
    for (const { LineNumber: number } of answer.Lines) {
      if (number !== undefined && !this._numbers.has(number)) {
        this._matches.push(number);
        this._numbers.add(number);
      }
    }
    const count = answer.Log.LineCount ?? 0;
    this._next = answer.NextLine ?? count;
    this._progress =
      answer.NextLine === undefined ? 1 : this._next / Math.max(count, 1);
    this._onChange();
  }

  private _asked = 0;
  private _counting = -1;
  private _error = '';
  private _looking = 0;
  private _matches: number[] = [];
  private _next = 0;
  private _numbers = new Set<number>();
  private _progress = 1;
  private _query: ILogQuery | null = null;
  private _turn = 0;
}
