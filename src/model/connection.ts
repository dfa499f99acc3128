import type { IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import { type ISignal, Signal } from '@lumino/signaling';

import type { IStudioClient } from '../api/client';
import { type RequestError, STUDIO_UNAVAILABLE } from '../api/request';
import type { IConnection, Reach } from '../tokens';

/** The first and the longest pause between two questions whether the studio is back, in milliseconds. */
const PAUSES = { first: 1_000, longest: 15_000 };

/** Knows from every answer whether the studio is there, and asks on while it is not. */
export class Connection implements IConnection, IDisposable {
  constructor(client: IStudioClient, pauses = PAUSES) {
    this._client = client;
    this._poll = new Poll({
      name: 'jupyter-mlstudio:connection',
      auto: false,
      factory: () => client.status(),
      frequency: { interval: pauses.first, backoff: 2, max: pauses.longest },
      standby: 'when-hidden'
    });
    client.answered.connect(this._onAnswer, this);
    window.addEventListener('online', this._onNetwork);
    window.addEventListener('offline', this._onNetwork);
  }

  get reach(): Reach {
    return this._reach;
  }

  get error(): RequestError | null {
    return this._error;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  async retry(): Promise<void> {
    // What came of it is heard like every answer.
    await this._client.status().catch(() => undefined);
  }

  dispose(): void {
    if (this.isDisposed) {
      return;
    }
    window.removeEventListener('online', this._onNetwork);
    window.removeEventListener('offline', this._onNetwork);
    this._client.answered.disconnect(this._onAnswer, this);
    this._poll.dispose();
    Signal.clearData(this);
  }

  private _onAnswer(_: IStudioClient, error: RequestError | null): void {
    const lost = error?.disconnected ? error : null;
    const reach = toReach(lost);
    const same =
      reach === this._reach && lost?.message === this._error?.message;
    const asks = this._reach !== 'studio';
    this._reach = reach;
    this._error = lost;
    if (lost === null && asks) {
      void this._poll.stop();
    } else if (lost !== null && !asks) {
      const { interval } = this._poll.frequency;
      void this._poll.schedule({ interval, phase: 'started' });
    }
    if (!same) {
      this._changed.emit();
    }
  }

  /** A server on this machine answers without a network too, so the only way is to ask. */
  private readonly _onNetwork = (): void => {
    void this.retry();
  };

  private readonly _changed = new Signal<this, void>(this);
  private readonly _client: IStudioClient;
  private _error: RequestError | null = null;
  private readonly _poll: Poll;
  private _reach: Reach = 'studio';
}

function toReach(lost: RequestError | null): Reach {
  if (lost === null) {
    return 'studio';
  }
  return lost.code === STUDIO_UNAVAILABLE ? 'server' : 'nowhere';
}
