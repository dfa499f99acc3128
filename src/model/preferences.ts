import { type ISignal, Signal } from '@lumino/signaling';

/** How the user wants things shown, by the settings. */
export interface IPreferences {
  /** Whether times are shown as a distance from now, or as they are. */
  times: 'absolute' | 'relative';
  /** How smooth charts are drawn at first: 0 is as it is, 0.99 is the most. */
  smoothing: number;
}

/** What the user prefers. There is one user, and so one of these. */
export class Preferences implements Readonly<IPreferences> {
  get times(): IPreferences['times'] {
    return this._values.times;
  }

  get smoothing(): number {
    return this._values.smoothing;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  set(values: Partial<IPreferences>): void {
    this._values = { ...this._values, ...values };
    this._changed.emit();
  }

  private readonly _changed = new Signal<this, void>(this);
  private _values: IPreferences = { times: 'relative', smoothing: 0 };
}

export const preferences = new Preferences();
