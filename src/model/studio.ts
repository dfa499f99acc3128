import type { Event } from '@jupyterlab/services';
import { Throttler } from '@lumino/polling';
import { type ISignal, Signal } from '@lumino/signaling';
import type { IDisposable } from '@lumino/disposable';

import type { IStudioClient } from '../api/client';
import type {
  Endpoint,
  IRunning,
  IStudioStatus,
  TrainingJob
} from '../api/types';
import { Connection } from './connection';
import type { IMLStudio, IRemoteModel, IResourceEvent } from '../tokens';
import { STUDIO_KIND, toResourceEvent } from './events';
import { ListModel, RemoteModel } from './remote';

/** The shortest time between two fetches of a list that events ask for, in milliseconds. */
const THROTTLE = 500;

/** The studio behind the server extension. */
export class StudioModel implements IMLStudio, IDisposable {
  /**
   * @param events - Jupyter's event stream; without it polls alone bring changes.
   */
  constructor(
    readonly client: IStudioClient,
    events?: Event.Stream
  ) {
    this.connection = new Connection(client);
    this.running = new RemoteModel<IRunning>('running', () => client.running());
    this.status = new RemoteModel<IStudioStatus>('status', () =>
      client.status()
    );
    this.trainingJobs = new ListModel<TrainingJob>('training-jobs', token =>
      client.trainingJobs(token)
    );
    this.endpoints = new ListModel<Endpoint>('endpoints', token =>
      client.endpoints(token)
    );
    this._refreshers = new Map([
      ['TrainingJob', [this._throttle(this.trainingJobs), this._running]],
      ['Endpoint', [this._throttle(this.endpoints), this._running]],
      [STUDIO_KIND, [this._throttle(this.status)]]
    ]);
    this.connection.changed.connect(this._onConnection, this);
    this._events = events;
    events?.connect(this._onEvent, this);
  }

  readonly connection: Connection;
  readonly status: RemoteModel<IStudioStatus>;
  readonly running: RemoteModel<IRunning>;
  readonly trainingJobs: ListModel<TrainingJob>;
  readonly endpoints: ListModel<Endpoint>;

  get resourceChanged(): ISignal<this, IResourceEvent> {
    return this._resourceChanged;
  }

  get pollInterval(): number {
    return this._pollInterval;
  }

  set pollInterval(seconds: number) {
    this._pollInterval = seconds;
    for (const model of this._models) {
      model.interval = seconds * 1000;
    }
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  follow<T>(
    kind: string,
    name: string,
    fetch: () => Promise<T>
  ): IRemoteModel<T> {
    const model = new FollowingModel(this, kind, name, fetch);
    model.interval = this._pollInterval * 1000;
    return model;
  }

  async start(): Promise<void> {
    await this.client.start();
    await Promise.all(this._models.map(model => model.refresh()));
  }

  async stopTrainingJob(name: string): Promise<void> {
    await this.client.call('sagemaker', 'StopTrainingJob', {
      TrainingJobName: name
    });
    this.trainingJobs.expect(
      (this.trainingJobs.value ?? []).map(job =>
        job.TrainingJobName === name
          ? {
              ...job,
              TrainingJobStatus: 'Stopping',
              SecondaryStatus: 'Stopping'
            }
          : job
      )
    );
    await this.trainingJobs.refresh();
  }

  async deleteTrainingJob(name: string): Promise<void> {
    await this.client.call('sagemaker', 'DeleteTrainingJob', {
      TrainingJobName: name
    });
    this.trainingJobs.expect(
      (this.trainingJobs.value ?? []).filter(
        job => job.TrainingJobName !== name
      )
    );
  }

  async deleteEndpoint(name: string): Promise<void> {
    await this.client.call('sagemaker', 'DeleteEndpoint', {
      EndpointName: name
    });
    this.endpoints.expect(
      (this.endpoints.value ?? []).map(endpoint =>
        endpoint.EndpointName === name
          ? { ...endpoint, EndpointStatus: 'Deleting' }
          : endpoint
      )
    );
    await this.endpoints.refresh();
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this._events?.disconnect(this._onEvent, this);
    this.connection.dispose();
    [...this._refreshers.values()]
      .flat()
      .forEach(refresher => refresher.dispose());
    this._models.forEach(model => model.dispose());
    Signal.clearData(this);
  }

  private get _models() {
    return [this.status, this.running, this.trainingJobs, this.endpoints];
  }

  private _throttle(model: RemoteModel<unknown>): Throttler {
    return new Throttler(() => model.refresh(), {
      limit: THROTTLE,
      edge: 'trailing'
    });
  }

  private _onEvent(_: Event.IManager, emission: Event.Emission): void {
    const event = toResourceEvent(emission);
    if (event !== null) {
      this._announce(event);
    }
  }

  private _onConnection(): void {
    if (this.connection.reach === 'studio') {
      // What changed meanwhile, nobody has told us.
      this._announce({ kind: STUDIO_KIND, name: '', status: 'Connected' });
    }
  }

  private _announce(event: IResourceEvent): void {
    // The studio came, went, or lost count of its changes: everything may be different.
    const kinds =
      event.kind === STUDIO_KIND ? [...this._refreshers.keys()] : [event.kind];
    for (const kind of kinds) {
      this._refreshers.get(kind)?.forEach(each => void each.invoke());
    }
    this._resourceChanged.emit(event);
  }

  private readonly _events?: Event.Stream;
  private _isDisposed = false;
  /** What runs is asked for only while somebody looks. */
  private readonly _running = new Throttler(
    async () => {
      if (this.running.isWatched) {
        await this.running.refresh();
      }
    },
    { limit: THROTTLE, edge: 'trailing' }
  );
  private _pollInterval = 10;
  private readonly _refreshers: Map<string, readonly Throttler[]>;
  private readonly _resourceChanged = new Signal<this, IResourceEvent>(this);
}

/** The model of one resource, fetched anew when that resource changes. */
class FollowingModel<T> extends RemoteModel<T> {
  constructor(
    private readonly _studio: IMLStudio,
    private readonly _kind: string,
    private readonly _name: string,
    fetch: () => Promise<T>
  ) {
    super(`${_kind}:${_name}`, fetch);
    _studio.resourceChanged.connect(this._onChange, this);
  }

  override dispose(): void {
    this._studio.resourceChanged.disconnect(this._onChange, this);
    super.dispose();
  }

  private _onChange(_: IMLStudio, event: IResourceEvent): void {
    const own = event.kind === this._kind && event.name === this._name;
    if (own || event.kind === STUDIO_KIND) {
      void this.refresh();
    }
  }
}
