import { type ISignal, Signal } from '@lumino/signaling';

import type { ILogLine, ILogQuery, ILogReference } from '../../api/logs';
import type { LogModel } from './model';

/** The way to a line of a log. */
export class LogNavigation {
  constructor(private readonly _model: LogModel) {}

  /** The line that was gone to last, by number. */
  get target(): number | null {
    return this._target;
  }

  /** The line that links are about: the one gone to last, or the last of all. */
  get line(): ILogLine | undefined {
    const { _model: model, _target: target } = this;
    return model.row(target === null ? model.count - 1 : model.indexOf(target));
  }

  /** Emitted with the row that a view should bring into sight. */
  get revealed(): ISignal<this, number> {
    return this._revealed;
  }

  /** Go to a line by number. */
  async toLine(number: number): Promise<void> {
    this._target = number;
    await this._model.includeLine(number);
    this._revealed.emit(this._model.indexOf(number));
  }

  /** Go to a line by what never changes of it, as soon as lines have numbers. */
  async toReference(reference: ILogReference): Promise<void> {
    const number = await this._model.numberOf(reference);
    if (number !== null) {
      await this._model.refresh();
      await this.toLine(number);
    }
  }

  /** Go to the nearest match after, or before, the line that was gone to last. */
  async toMatch(backwards: boolean): Promise<void> {
    const query = this._model.query(true);
    if (query) {
      await this._toNearest(query, this._start(backwards), backwards);
    }
  }

  /** Go to the first error of the log, or to the next one; say whether there is one. */
  toError(where: 'first' | 'next'): Promise<boolean> {
    const start = where === 'first' ? 0 : this._start(false);
    return this._toNearest({ MinimumLevel: 'ERROR' }, start, false);
  }

  /** Forget where the user was: lines have other numbers. */
  forget(): void {
    this._target = null;
  }

  private async _toNearest(
    query: ILogQuery,
    start: number,
    backwards: boolean
  ): Promise<boolean> {
    const number = await this._model.search.nearest(query, start, backwards);
    if (number !== null) {
      await this.toLine(number);
    }
    return number !== null;
  }

  /** The line to look from: behind the last one gone to, or the first that is seen. */
  private _start(backwards: boolean): number {
    const { _model: model, _target: target } = this;
    return target === null
      ? (model.row(model.firstWanted)?.LineNumber ?? 0)
      : target + (backwards ? 0 : 1);
  }

  private readonly _revealed = new Signal<this, number>(this);
  private _target: number | null = null;
}
