import { type ISignal, Signal } from '@lumino/signaling';

/** The run that the pointer or the keyboard is on, for everything that shows runs. */
export class Highlight {
  get run(): string | null {
    return this._run;
  }

  set run(run: string | null) {
    if (run !== this._run) {
      this._run = run;
      this._changed.emit();
    }
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  private readonly _changed = new Signal<this, void>(this);
  private _run: string | null = null;
}
