import type { IDisposable } from '@lumino/disposable';
import { Token } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';

import type { IStudioClient } from './api/client';
import type { RequestError } from './api/request';
import type {
  Endpoint,
  IRunning,
  IStudioStatus,
  TrainingJob
} from './api/types';

/** How far a model has come: nothing yet, something to show, or why not. */
export type ModelState = 'loading' | 'ready' | 'error' | 'disconnected';

/** A value on the server that is kept up to date here. */
export interface IRemoteModel<T> extends IDisposable {
  /** The last value that arrived; it stays while the connection is lost. */
  readonly value: T | null;
  readonly state: ModelState;
  /** Why the last request failed. */
  readonly error: RequestError | null;
  /** Emitted after every change of the above. */
  readonly changed: ISignal<IRemoteModel<T>, void>;
  /** Milliseconds between polls while it is watched. */
  interval: number;
  /** Fetch now; resolves when the answer is in. Never rejects: see `error`. */
  refresh(): Promise<void>;
  /** Show a value that a request just sent will bring about. */
  expect(value: T): void;
  /** Keep up to date, until the returned object is disposed. */
  watch(): IDisposable;
}

/** A list that grows by pages. */
export interface IListModel<T> extends IRemoteModel<readonly T[]> {
  readonly hasMore: boolean;
  /** Fetch one page more. */
  loadMore(): Promise<void>;
}

/** How far requests get: to the studio, only to the Jupyter server, or not even there. */
export type Reach = 'studio' | 'server' | 'nowhere';

/** Whether the studio answers, known from all requests to it; while it does not, it is asked. */
export interface IConnection {
  readonly reach: Reach;
  /** Why the last request did not get to the studio; null once one does. */
  readonly error: RequestError | null;
  /** Emitted after every change of the above. */
  readonly changed: ISignal<IConnection, void>;
  /** Ask now. */
  retry(): Promise<void>;
}

/** A resource changed; `kind` is AWS's name of it, e.g. `TrainingJob`. */
export interface IResourceEvent {
  kind: string;
  name: string;
  status: string;
}

/** The studio, as panels see it. */
export interface IMLStudio {
  readonly client: IStudioClient;
  readonly connection: IConnection;
  readonly status: IRemoteModel<IStudioStatus>;
  /** What runs now, of all jobs and endpoints, and what is left of the machine. */
  readonly running: IRemoteModel<IRunning>;
  readonly trainingJobs: IListModel<TrainingJob>;
  readonly endpoints: IListModel<Endpoint>;
  /** Emitted for every change of a resource, in this browser or elsewhere. */
  readonly resourceChanged: ISignal<IMLStudio, IResourceEvent>;
  /** Keep the model of one resource, fetched anew whenever that resource changes. */
  follow<T>(
    kind: string,
    name: string,
    fetch: () => Promise<T>
  ): IRemoteModel<T>;
  /** Start the studio process where it does not run. */
  start(): Promise<void>;
  stopTrainingJob(name: string): Promise<void>;
  /** Forget a job that has ended. */
  deleteTrainingJob(name: string): Promise<void>;
  deleteEndpoint(name: string): Promise<void>;
  /** Seconds between polls; events make changes visible sooner. */
  pollInterval: number;
}

export const IMLStudio = new Token<IMLStudio>(
  'jupyter-mlstudio:IMLStudio',
  'The machine learning studio: its training jobs, endpoints and state.'
);
