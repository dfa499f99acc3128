import type { SearchResponse } from '@aws-sdk/client-sagemaker';
import { ServerConnection } from '@jupyterlab/services';
import type { JSONObject } from '@lumino/coreutils';
import { type ISignal, Signal } from '@lumino/signaling';

import { type IS3Client, S3Client } from './s3';
import type {
  ILogHits,
  ILogPage,
  ILogPlace,
  ILogQuery,
  ILogScope,
  ILogStart
} from './logs';
import { RequestError, requestAPI, requestFile, urlOf } from './request';
import type {
  Endpoint,
  IEndpointDetails,
  IMetricSeries,
  IPage,
  IRunning,
  ISentSource,
  IStudioStatus,
  ITrainingJobDetails,
  ITrainingJobForm,
  ITrainingJobHits,
  ITrainingJobQuery,
  TrainingJob
} from './types';

/** What the panels ask the server extension for; one method per route. */
export interface IStudioClient {
  /** Emitted when a request has ended, with what went wrong. */
  readonly answered: ISignal<IStudioClient, RequestError | null>;
  /** The address of the Jupyter server. */
  readonly baseUrl: string;
  status(): Promise<IStudioStatus>;
  start(): Promise<IStudioStatus>;
  running(): Promise<IRunning>;
  /** The notebook that shows a first job, model and endpoint, as nbformat 4. */
  quickstart(): Promise<JSONObject>;
  trainingJobs(nextToken?: string): Promise<IPage<TrainingJob>>;
  trainingJob(name: string): Promise<ITrainingJobDetails>;
  /** Up to 100 of the jobs a query finds. */
  searchTrainingJobs(
    query: ITrainingJobQuery,
    nextToken?: string
  ): Promise<ITrainingJobHits>;
  /** The metrics of a training job or trial component. */
  metricSeries(arn: string): Promise<IMetricSeries[]>;
  /** What the form that makes a training job is filled from. */
  trainingJobForm(): Promise<ITrainingJobForm>;
  /** Send a script of the Jupyter server to S3; `folder` takes what lies beside it along. */
  sendSource(
    path: string,
    folder: boolean,
    bucket: string,
    prefix: string
  ): Promise<ISentSource>;
  readonly s3: IS3Client;
  /** All points of runs as a file; of all metrics where `metrics` is null. */
  runPoints(
    runs: readonly string[],
    metrics: readonly string[] | null,
    format: string
  ): Promise<Blob>;
  endpoints(nextToken?: string): Promise<IPage<Endpoint>>;
  endpoint(name: string): Promise<IEndpointDetails>;
  /** Up to `limit` lines of a log, each cut after `width` characters. */
  readLog(
    scope: ILogScope,
    start: ILogStart,
    limit: number,
    width?: number
  ): Promise<ILogPage>;
  /** Look for lines of a log, for a moment; `NextLine` says where to go on. */
  searchLog(
    scope: ILogScope,
    query: ILogQuery,
    from: { FirstLine?: number; Backwards?: boolean },
    limit: number,
    width?: number
  ): Promise<ILogHits>;
  /** Where the whole log of a resource, or some of its streams, can be downloaded. */
  logUrl(place: ILogPlace, streams: readonly string[] | null): string;
  call<T>(
    service: string,
    operation: string,
    params: Record<string, unknown>
  ): Promise<T>;
}

/** The client that asks a real server. */
export class StudioClient implements IStudioClient {
  constructor(readonly serverSettings: ServerConnection.ISettings) {
    this.s3 = new S3Client(serverSettings);
  }

  readonly s3: IS3Client;

  get answered(): ISignal<this, RequestError | null> {
    return this._answered;
  }

  get baseUrl(): string {
    return this.serverSettings.baseUrl;
  }

  status(): Promise<IStudioStatus> {
    return this._get(['status']);
  }

  start(): Promise<IStudioStatus> {
    return this._post(['start'], {});
  }

  running(): Promise<IRunning> {
    return this._get(['running']);
  }

  quickstart(): Promise<JSONObject> {
    return this._get(['quickstart']);
  }

  trainingJobs(nextToken?: string): Promise<IPage<TrainingJob>> {
    return this._get(['jobs'], nextToken ? { nextToken } : {});
  }

  trainingJob(name: string): Promise<ITrainingJobDetails> {
    return this._get(['jobs', name]);
  }

  async searchTrainingJobs(
    query: ITrainingJobQuery,
    nextToken?: string
  ): Promise<ITrainingJobHits> {
    const { Results, TotalHits, NextToken } = await this.call<SearchResponse>(
      'sagemaker',
      'Search',
      {
        Resource: 'TrainingJob',
        MaxResults: 100,
        SortBy: query.sort,
        SortOrder: query.descending ? 'Descending' : 'Ascending',
        ...toExpression(query),
        ...(nextToken === undefined ? {} : { NextToken: nextToken })
      }
    );
    return {
      items: (Results ?? []).flatMap(({ TrainingJob: job }) => job ?? []),
      nextToken: NextToken ?? null,
      total: TotalHits?.Value ?? 0
    };
  }

  async metricSeries(arn: string): Promise<IMetricSeries[]> {
    const answer = await this.call<{ Series: IMetricSeries[] }>(
      'mlstudio',
      'GetMetricSeries',
      { ResourceArn: arn }
    );
    return answer.Series;
  }

  trainingJobForm(): Promise<ITrainingJobForm> {
    return this._get(['forms', 'training-job']);
  }

  sendSource(
    path: string,
    folder: boolean,
    bucket: string,
    prefix: string
  ): Promise<ISentSource> {
    return this._post(['sources'], { path, folder, bucket, prefix });
  }

  runPoints(
    runs: readonly string[],
    metrics: readonly string[] | null,
    format: string
  ): Promise<Blob> {
    return requestFile(this.serverSettings, ['experiments', 'points'], {
      method: 'POST',
      body: JSON.stringify({ runs, metrics, format })
    });
  }

  endpoints(nextToken?: string): Promise<IPage<Endpoint>> {
    return this._get(['endpoints'], nextToken ? { nextToken } : {});
  }

  endpoint(name: string): Promise<IEndpointDetails> {
    return this._get(['endpoints', name]);
  }

  readLog(
    scope: ILogScope,
    start: ILogStart,
    limit: number,
    width?: number
  ): Promise<ILogPage> {
    return this.call('mlstudio', 'ReadLog', {
      ...scope,
      ...start,
      Limit: limit,
      ...(width === undefined ? {} : { MaxLength: width })
    });
  }

  searchLog(
    scope: ILogScope,
    query: ILogQuery,
    from: { FirstLine?: number; Backwards?: boolean },
    limit: number,
    width?: number
  ): Promise<ILogHits> {
    return this.call('mlstudio', 'SearchLog', {
      ...scope,
      ...query,
      ...from,
      Limit: limit,
      ...(width === undefined ? {} : { MaxLength: width })
    });
  }

  logUrl({ kind, name }: ILogPlace, streams: readonly string[] | null): string {
    const query = (streams ?? []).map(
      stream => `stream=${encodeURIComponent(stream)}`
    );
    const url = urlOf(this.serverSettings, ['logs', kind, name]);
    return query.length > 0 ? `${url}?${query.join('&')}` : url;
  }

  /** Call any AWS operation of the studio. */
  call<T>(
    service: string,
    operation: string,
    params: Record<string, unknown>
  ): Promise<T> {
    return this._post(['api', service, operation], params);
  }

  private _get<T>(
    path: readonly string[],
    query: Record<string, string> = {}
  ): Promise<T> {
    return this._ask(path, {}, query);
  }

  private _post<T>(path: readonly string[], body: unknown): Promise<T> {
    return this._ask(path, { method: 'POST', body: JSON.stringify(body) });
  }

  private async _ask<T>(
    path: readonly string[],
    init: RequestInit,
    query?: Record<string, string>
  ): Promise<T> {
    try {
      const answer = await requestAPI<T>(
        this.serverSettings,
        path,
        init,
        query
      );
      this._answered.emit(null);
      return answer;
    } catch (reason) {
      this._answered.emit(reason instanceof RequestError ? reason : null);
      throw reason;
    }
  }

  private readonly _answered = new Signal<this, RequestError | null>(this);
}

function toExpression(query: ITrainingJobQuery): Record<string, unknown> {
  const filters = [
    { Name: 'TrainingJobName', Operator: 'Contains', Value: query.text },
    { Name: 'TrainingJobName', Operator: 'Equals', Value: query.name ?? '' },
    { Name: 'TrainingJobStatus', Operator: 'Equals', Value: query.status }
  ].filter(filter => filter.Value !== '');
  return filters.length > 0 ? { SearchExpression: { Filters: filters } } : {};
}
