import type { ILogLine, ILogPage } from '../../api/logs';

/** Lines that are kept before those far from what is looked at are forgotten. */
const MOST = 20_000;

interface IKept {
  line: ILogLine;
  /** Whether its number is its own for good, or how far the log had grown when it had it. */
  age: number | 'settled';
}

/** The lines of a log that are here, by their numbers. */
export class KeptLines {
  /** The order of the lines that are kept; under another one they have other numbers. */
  get order(): string {
    return this._order;
  }

  get(number: number): ILogLine | undefined {
    return this._lines.get(number)?.line;
  }

  /** Lines have other numbers: what is here is shown until it is fetched again. */
  renumber(order: string): void {
    this._order = order;
    this._growth += 1;
    this._lines.forEach(kept => {
      kept.age = -1;
    });
  }

  /** The log has grown: what may come between others has to be fetched again. */
  grow(): void {
    this._growth += 1;
  }

  /** The first of some lines that has to be fetched, or null. */
  firstMissing(first: number, last: number): number | null {
    for (let number = first; number <= last; number++) {
      const age = this._lines.get(number)?.age;
      if (age === undefined || (age !== 'settled' && age < this._growth)) {
        return number;
      }
    }
    return null;
  }

  keep(page: ILogPage): void {
    const settled = page.Log.SettledLineCount ?? 0;
    for (const line of page.Lines) {
      const number = line.LineNumber;
      if (number !== undefined) {
        const age = number < settled ? 'settled' : this._growth;
        this._lines.set(number, { line, age });
      }
    }
  }

  /** Forget lines that are far from these, if there are many. */
  forgetAllBut(first: number, last: number): void {
    if (this._lines.size > MOST) {
      for (const number of this._lines.keys()) {
        if (number < first - MOST / 4 || number > last + MOST / 4) {
          this._lines.delete(number);
        }
      }
    }
  }

  /** Counts how often the log was seen to have changed. */
  private _growth = 0;
  private readonly _lines = new Map<number, IKept>();
  private _order = '';
}
