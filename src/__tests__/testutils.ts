import { Signal } from '@lumino/signaling';

import type { IStudioClient } from '../api/client';
import { RequestError } from '../api/request';
import type {
  Endpoint,
  IMetricSeries,
  IRunning,
  IStudioStatus,
  ITrainingJobHits,
  ITrainingJobQuery,
  TrainingJob,
  TrainingJobRecord
} from '../api/types';

/** A client that answers from memory; tests change what it holds. */
export class FakeClient implements IStudioClient {
  jobs: TrainingJob[] = [];
  pageSize = 100;
  served: Endpoint[] = [];
  series: IMetricSeries[] = [];
  records: TrainingJobRecord[] = [];
  queries: (ITrainingJobQuery & { nextToken: string })[] = [];
  calls: [string, Record<string, unknown>][] = [];
  /** Thrown by every method while set. */
  failure: Error | null = null;
  readonly answered = new Signal<this, RequestError | null>(this);

  async status(): Promise<IStudioStatus> {
    this._fail();
    return {
      StudioId: 'abcd',
      Version: '0.1.0',
      EngineName: 'docker',
      Notes: [],
      ResourceCounts: {},
      Urls: { Endpoint: '', S3: '', Runtime: '' },
      Capacity: { Cpus: 4, MemoryInBytes: 8 * 2 ** 30, Gpus: 0 },
      Reserved: { Cpus: 2, MemoryInBytes: 1.5 * 2 ** 30, Gpus: 0 },
      WaitingCount: 0
    };
  }

  async running(): Promise<IRunning> {
    return {
      studio: await this.status(),
      trainingJobs: this.jobs.flatMap(job =>
        job.TrainingJobStatus === 'InProgress'
          ? {
              TrainingJobName: job.TrainingJobName,
              TrainingJobArn: job.TrainingJobArn,
              TrainingJobStatus: job.TrainingJobStatus,
              SecondaryStatus: job.SecondaryStatus,
              CreationTime: job.CreationTime
            }
          : []
      ),
      endpoints: this.served.flatMap(endpoint =>
        endpoint.EndpointStatus === 'InService'
          ? {
              EndpointName: endpoint.EndpointName,
              EndpointArn: endpoint.EndpointArn,
              EndpointStatus: endpoint.EndpointStatus,
              CreationTime: endpoint.CreationTime,
              LastModifiedTime: endpoint.LastModifiedTime
            }
          : []
      )
    };
  }

  start(): Promise<IStudioStatus> {
    this.failure = null;
    return this.status();
  }

  async quickstart() {
    this._fail();
    return { cells: [], metadata: {}, nbformat: 4, nbformat_minor: 5 };
  }

  async trainingJobs(nextToken = '0') {
    this._fail();
    const start = Number(nextToken);
    const end = start + this.pageSize;
    return {
      items: this.jobs.slice(start, end),
      nextToken: end < this.jobs.length ? String(end) : null
    };
  }

  async trainingJob(name: string) {
    this._fail();
    const job = this.jobs.find(each => each.TrainingJobName === name);
    if (!job) {
      throw new Error(`no job ${name}`);
    }
    return { job: { ...description, ...job }, logs: [] };
  }

  async searchTrainingJobs(
    query: ITrainingJobQuery,
    nextToken = '0'
  ): Promise<ITrainingJobHits> {
    this._fail();
    this.queries.push({ ...query, nextToken });
    const found = this.records.filter(
      job =>
        (query.name ?? job.TrainingJobName) === job.TrainingJobName &&
        job.TrainingJobName?.includes(query.text) &&
        (query.status || job.TrainingJobStatus) === job.TrainingJobStatus
    );
    const end = Number(nextToken) + this.pageSize;
    return {
      items: found.slice(Number(nextToken), end),
      nextToken: end < found.length ? String(end) : null,
      total: found.length
    };
  }

  async metricSeries(): Promise<IMetricSeries[]> {
    this._fail();
    return this.series;
  }

  async endpoints() {
    this._fail();
    return { items: this.served, nextToken: null };
  }

  async endpoint(name: string) {
    this._fail();
    const endpoint = this.served.find(each => each.EndpointName === name);
    if (!endpoint) {
      throw new Error(`no endpoint ${name}`);
    }
    return { endpoint, logs: [] };
  }

  async call<T>(
    _: string,
    operation: string,
    params: Record<string, unknown>
  ): Promise<T> {
    this._fail();
    this.calls.push([operation, params]);
    return {} as T;
  }

  private _fail(): void {
    const { failure } = this;
    this.answered.emit(failure instanceof RequestError ? failure : null);
    if (failure) {
      throw failure;
    }
  }
}

/** What a row leaves out of a description. */
const description = {
  AlgorithmSpecification: { TrainingInputMode: 'File' as const },
  ModelArtifacts: { S3ModelArtifacts: 's3://bucket/model.tar.gz' },
  StoppingCondition: {}
};

/** Make a training job. */
export function makeJob(
  name: string,
  more: Partial<TrainingJob> = {}
): TrainingJob {
  return {
    TrainingJobName: name,
    TrainingJobArn: `arn:aws:sagemaker:us-east-1:000000000000:training-job/${name}`,
    TrainingJobStatus: 'InProgress',
    SecondaryStatus: 'Training',
    CreationTime: new Date(),
    ResourceConfig: {
      InstanceType: 'ml.m5.large',
      InstanceCount: 1,
      VolumeSizeInGB: 1
    },
    ...more
  };
}

/** Make an endpoint. */
export function makeEndpoint(
  name: string,
  more: Partial<Endpoint> = {}
): Endpoint {
  return {
    EndpointName: name,
    EndpointArn: `arn:aws:sagemaker:us-east-1:000000000000:endpoint/${name}`,
    EndpointConfigName: name,
    EndpointStatus: 'InService',
    CreationTime: new Date(),
    LastModifiedTime: new Date(),
    ProductionVariants: [
      {
        VariantName: 'AllTraffic',
        CurrentInstanceCount: 1,
        DesiredInstanceCount: 2
      }
    ],
    ...more
  };
}
