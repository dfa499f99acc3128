import { DisposableDelegate, type IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import { type ISignal, Signal } from '@lumino/signaling';

import { NETWORK_ERROR, RequestError } from '../api/request';
import type { IListModel, IRemoteModel, ModelState } from '../tokens';
import type { IPage } from '../api/types';

/** The longest pause after failures, in milliseconds. */
const MAX_PAUSE = 60_000;

/** A value on the server, polled while somebody watches. */
export class RemoteModel<T> implements IRemoteModel<T> {
  /**
   * @param fetch - gets the value.
   * @param interval - milliseconds between polls.
   */
  constructor(name: string, fetch: () => Promise<T>, interval = 10_000) {
    this._fetch = fetch;
    this._poll = new Poll({
      name: `jupyter-mlstudio:${name}`,
      auto: false,
      factory: () => this._update(),
      frequency: { interval, backoff: true, max: MAX_PAUSE },
      standby: () => (this._watchers > 0 ? 'when-hidden' : true)
    });
  }

  get value(): T | null {
    return this._value;
  }

  get state(): ModelState {
    return this._state;
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

  get interval(): number {
    return this._poll.frequency.interval;
  }

  set interval(interval: number) {
    this._poll.frequency = { ...this._poll.frequency, interval };
  }

  async refresh(): Promise<void> {
    if (this.isDisposed) {
      return;
    }
    // Not through the poll: it would stand by while nobody watches.
    await this._update().catch(() => undefined);
  }

  expect(value: T): void {
    this._value = value;
    this._changed.emit();
  }

  /** Whether somebody watches. */
  get isWatched(): boolean {
    return this._watchers > 0;
  }

  watch(): IDisposable {
    this._watchers += 1;
    void this._poll.refresh();
    return new DisposableDelegate(() => {
      this._watchers -= 1;
    });
  }

  dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this._poll.dispose();
    Signal.clearData(this);
  }

  /** Begin anew: what is known is no answer any more, nor is what is on its way. */
  protected forget(): void {
    this._turn += 1;
    this._settle('loading', null, null);
  }

  /** Fetch and publish; rejects when that fails, so that the poll backs off. */
  private async _update(): Promise<void> {
    const turn = ++this._turn;
    try {
      const value = await this._fetch();
      if (turn === this._turn) {
        this._settle('ready', null, value);
      }
    } catch (reason) {
      const error = toRequestError(reason);
      if (turn === this._turn) {
        this._settle(
          error.disconnected ? 'disconnected' : 'error',
          error,
          this._value
        );
      }
      throw error;
    }
  }

  private _settle(
    state: ModelState,
    error: RequestError | null,
    value: T | null
  ): void {
    if (this.isDisposed) {
      return;
    }
    this._state = state;
    this._error = error;
    this._value = value;
    this._changed.emit();
  }

  private readonly _changed = new Signal<this, void>(this);
  private _error: RequestError | null = null;
  private readonly _fetch: () => Promise<T>;
  private readonly _poll: Poll;
  private _state: ModelState = 'loading';
  /** Counts requests: an answer that a later request overtook is dropped. */
  private _turn = 0;
  private _value: T | null = null;
  private _watchers = 0;
}

/** A list on the server: its first pages, polled while somebody watches. */
export class ListModel<T>
  extends RemoteModel<readonly T[]>
  implements IListModel<T>
{
  constructor(
    name: string,
    fetchPage: (nextToken?: string) => Promise<IPage<T>>,
    interval?: number
  ) {
    super(name, () => this._fetchPages(fetchPage), interval);
  }

  get hasMore(): boolean {
    return this._hasMore;
  }

  async loadMore(): Promise<void> {
    this._pages += 1;
    await this.refresh();
  }

  private async _fetchPages(
    fetchPage: (nextToken?: string) => Promise<IPage<T>>
  ): Promise<readonly T[]> {
    const items: T[] = [];
    let token: string | undefined;
    for (let page = 0; page < this._pages; page++) {
      const answer = await fetchPage(token);
      items.push(...answer.items);
      token = answer.nextToken ?? undefined;
      if (token === undefined) {
        break;
      }
    }
    this._hasMore = token !== undefined;
    return items;
  }

  private _hasMore = false;
  private _pages = 1;
}

function toRequestError(reason: unknown): RequestError {
  return reason instanceof RequestError
    ? reason
    : new RequestError(String(reason), NETWORK_ERROR, 0);
}
