import { Signal } from '@lumino/signaling';

import type { IStudioClient } from '../api/client';
import { RequestError } from '../api/request';
import type { IPart, IS3Client } from '../api/s3';
import type {
  ILogDescription,
  ILogHits,
  ILogLine,
  ILogPage,
  ILogPlace,
  ILogQuery,
  ILogScope,
  ILogStart
} from '../api/logs';
import type {
  Endpoint,
  IFolderPage,
  IInstanceType,
  IMetricSeries,
  IRunning,
  ISentSource,
  IStudioStatus,
  ITrainingJobForm,
  ITrainingJobHits,
  ITrainingJobQuery,
  Preview,
  TrainingJob,
  TrainingJobRecord
} from '../api/types';

/** A client that answers from memory; tests change what it holds. */
export class FakeClient implements IStudioClient {
  readonly baseUrl = 'http://localhost/';
  jobs: TrainingJob[] = [];
  pageSize = 100;
  served: Endpoint[] = [];
  series: IMetricSeries[] = [];
  records: TrainingJobRecord[] = [];
  queries: (ITrainingJobQuery & { nextToken: string })[] = [];
  calls: [string, Record<string, unknown>][] = [];
  /** Lines by their streams, in the order of the log. */
  log: { stream: string; message: string }[] = [];
  /** Changes when lines of the log get other numbers. */
  logOrder = 'a';
  /** How many lines keep their numbers; all without it. */
  logSettled: number | null = null;
  /** Whether the lines of the log have numbers yet. */
  logCounted = true;
  logReads: ILogStart[] = [];
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
    return { job: { ...description, ...job } };
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

  readonly s3 = new FakeS3();
  form: ITrainingJobForm = makeForm();
  sources: [string, boolean, string, string][] = [];

  async trainingJobForm(): Promise<ITrainingJobForm> {
    this._fail();
    return this.form;
  }

  async sendSource(
    path: string,
    folder: boolean,
    bucket: string,
    prefix: string
  ): Promise<ISentSource> {
    this._fail();
    this.sources.push([path, folder, bucket, prefix]);
    return { program: path, directory: `s3://${bucket}/${prefix}`, files: 1 };
  }

  async runPoints(): Promise<Blob> {
    this._fail();
    return new Blob(['run,metric,step,time,value']);
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
    return { endpoint };
  }

  async readLog(
    scope: ILogScope,
    start: ILogStart,
    limit: number,
    width = Infinity
  ): Promise<ILogPage> {
    this._fail();
    this.logReads.push(start);
    const lines = this._logLines(scope, width);
    const { FirstLine, FromEnd, Line } = start;
    const first = FromEnd
      ? Math.max(0, lines.length - limit)
      : Line
        ? lines.findIndex(
            line =>
              line.LogStreamName === Line.LogStreamName &&
              line.StreamLineNumber === Line.StreamLineNumber
          )
        : (FirstLine ?? 0);
    return {
      Lines:
        this.logCounted || FromEnd ? lines.slice(first, first + limit) : [],
      Log: this._logDescription(lines)
    };
  }

  async searchLog(
    scope: ILogScope,
    query: ILogQuery,
    from: { FirstLine?: number; Backwards?: boolean },
    limit: number,
    width = Infinity
  ): Promise<ILogHits> {
    this._fail();
    if (query.Regex && query.Pattern === '(') {
      throw new Error('the expression cannot be read');
    }
    const lines = this._logLines(scope, width);
    const pattern = (query.Pattern ?? '').toLowerCase();
    const found = lines.filter(
      line =>
        line.Message.toLowerCase().includes(pattern) &&
        (query.MinimumLevel === undefined ||
          line.Message.startsWith(query.MinimumLevel))
    );
    const number = (line: ILogLine) => line.LineNumber ?? 0;
    const hits = from.Backwards
      ? found
          .filter(line => number(line) < (from.FirstLine ?? Infinity))
          .reverse()
      : found.filter(line => number(line) >= (from.FirstLine ?? 0));
    const last = hits[limit - 1];
    return {
      Lines: hits.slice(0, limit),
      Log: this._logDescription(lines),
      ...(last && { NextLine: number(last) + (from.Backwards ? 0 : 1) })
    };
  }

  logUrl({ kind, name }: ILogPlace, streams: readonly string[] | null): string {
    return `/logs/${kind}/${name}?${(streams ?? []).join('&')}`;
  }

  private _logLines(scope: ILogScope, width: number): ILogLine[] {
    const counts = new Map<string, number>();
    const lines: ILogLine[] = [];
    for (const [index, { message, stream }] of this.log.entries()) {
      const number = counts.get(stream) ?? 0;
      counts.set(stream, number + 1);
      if (scope.LogStreamNames?.includes(stream) ?? true) {
        const line: ILogLine = {
          StreamLineNumber: number,
          Time: 1_700_000_000_000 + index,
          LogStreamName: stream,
          Message: message.slice(0, width),
          Length: message.length
        };
        if (message.startsWith('ERROR')) {
          line.Level = 'ERROR';
        }
        if (this.logCounted) {
          line.LineNumber = lines.length;
        }
        lines.push(line);
      }
    }
    return lines;
  }

  private _logDescription(lines: readonly ILogLine[]): ILogDescription {
    const counts = new Map<string, number>();
    for (const { LogStreamName: name } of lines) {
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return {
      Order: this.logOrder,
      ByteCount: 100,
      CountedByteCount: this.logCounted ? 100 : 40,
      Streams: [...counts].map(([name, count]) => ({
        LogStreamName: name,
        LineCount: count,
        FirstTime: 1_700_000_000_000
      })),
      ...(this.logCounted && {
        LineCount: lines.length,
        SettledLineCount: this.logSettled ?? lines.length
      })
    };
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

/** An S3 in memory. */
export class FakeS3 implements IS3Client {
  objects = new Map<string, Blob>();
  pageSize = 1000;
  seen: Preview = { kind: 'text', text: 'hello', size: 5, truncated: false };
  sent: (IPart | null)[] = [];
  aborted = 0;
  deleted: string[] = [];
  /** Thrown by every method while set. */
  failure: Error | null = null;
  /** Resolved before anything is sent. */
  gate: Promise<unknown> = Promise.resolve();

  async buckets() {
    this._fail();
    const names = [...this.objects.keys()].map(uri => uri.split('/')[0] ?? '');
    return [...new Set(names)].map(name => ({ name, created: '' }));
  }

  async createBucket(): Promise<void> {
    this._fail();
  }

  async deleteBucket(): Promise<void> {
    this._fail();
  }

  async folder(
    bucket: string,
    prefix: string,
    nextToken = '0'
  ): Promise<IFolderPage> {
    this._fail();
    const keys = this._below(bucket, prefix);
    const names = keys.map(key => {
      const end = key.indexOf('/', prefix.length);
      return end < 0 ? key : key.slice(0, end + 1);
    });
    const page = [...new Set(names)].slice(
      Number(nextToken),
      Number(nextToken) + this.pageSize
    );
    const next = Number(nextToken) + this.pageSize;
    return {
      folders: page.filter(name => name.endsWith('/')),
      objects: page
        .filter(name => !name.endsWith('/'))
        .map(key => ({ key, size: 1, modified: '2026-11-22T10:00:00+00:00' })),
      nextToken: next < new Set(names).size ? String(next) : null
    };
  }

  async count(bucket: string, prefix: string) {
    const objects = this._below(bucket, prefix).length;
    return { objects, bytes: objects, more: false };
  }

  async delete(
    bucket: string,
    keys: readonly string[],
    prefixes: readonly string[]
  ) {
    this._fail();
    const all = [
      ...keys,
      ...prefixes.flatMap(each => this._below(bucket, each))
    ];
    this.deleted.push(...all);
    all.forEach(key => this.objects.delete(`${bucket}/${key}`));
    return { deleted: all.length, errors: [], more: false };
  }

  async preview(): Promise<Preview> {
    this._fail();
    return this.seen;
  }

  async picture(): Promise<Blob> {
    return new Blob();
  }

  downloadUrl(bucket: string, key: string): string {
    return `/s3/${bucket}?key=${key}`;
  }

  async beginUpload(): Promise<string> {
    return 'upload';
  }

  async completeUpload(bucket: string, key: string): Promise<void> {
    this.objects.set(`${bucket}/${key}`, new Blob());
  }

  async abortUpload(): Promise<void> {
    this.aborted += 1;
  }

  async send(
    bucket: string,
    key: string,
    body: Blob,
    part: IPart | null,
    signal: AbortSignal
  ): Promise<string> {
    await this.gate;
    if (signal.aborted) {
      throw new DOMException('cancelled', 'AbortError');
    }
    this._fail();
    this.sent.push(part);
    if (!part) {
      this.objects.set(`${bucket}/${key}`, body);
    }
    return `etag-${this.sent.length}`;
  }

  async sendFiles() {
    this._fail();
    return { files: 1, bytes: 1 };
  }

  private _below(bucket: string, prefix: string): string[] {
    return [...this.objects.keys()]
      .filter(uri => uri.startsWith(`${bucket}/${prefix}`))
      .map(uri => uri.slice(bucket.length + 1))
      .sort();
  }

  private _fail(): void {
    if (this.failure) {
      throw this.failure;
    }
  }
}

/** What the form that makes a training job is filled from. */
export function makeForm(): ITrainingJobForm {
  const type: IInstanceType = {
    InstanceType: 'ml.m5.large',
    VCpus: 2,
    MemoryInBytes: 8 << 20,
    Gpus: 0,
    GivenVCpus: 2,
    GivenMemoryInBytes: 4 << 20,
    FitsNow: true
  };
  const gpu: IInstanceType = {
    InstanceType: 'ml.p3.2xlarge',
    VCpus: 8,
    MemoryInBytes: 61 << 20,
    Gpus: 1,
    FitsNow: false,
    Refusal: 'ml.p3.2xlarge needs 1 GPU, and this machine has none.'
  };
  const text = (more = {}) => ({ type: 'string', ...more });
  const member = (shape: string) => ({
    shape,
    documentation: `About ${shape}`
  });
  return {
    bucket: 'bucket',
    role: 'arn:aws:iam::000000000000:role/R',
    images: [
      {
        name: 'pytorch',
        uri: 'mlstudio/pytorch:latest',
        aliases: [],
        hyperparameters: null
      },
      {
        name: 'xgboost',
        uri: 'mlstudio/xgboost:latest',
        aliases: ['(host/)?xgboost(:[a-z0-9.]+)?'],
        hyperparameters: [
          { name: 'num_round', type: 'integer', min: 1, required: true },
          { name: 'eta', type: 'float', default: '0.3', min: 0, max: 1 }
        ]
      }
    ],
    instanceTypes: [type, gpu],
    shapes: {
      Input: 'Request',
      Shapes: {
        Request: {
          type: 'structure',
          required: ['TrainingJobName', 'RoleArn', 'OutputDataConfig'],
          members: {
            TrainingJobName: member('Name'),
            AlgorithmSpecification: member('Algorithm'),
            HyperParameters: member('Parameters'),
            InputDataConfig: member('Channels'),
            OutputDataConfig: member('Output'),
            ResourceConfig: member('Resources'),
            RoleArn: member('Text'),
            StoppingCondition: member('Stopping'),
            EnableNetworkIsolation: member('Flag'),
            Environment: member('Parameters')
          }
        },
        Name: text({
          min: 1,
          max: 63,
          pattern: '[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}'
        }),
        Text: text(),
        Flag: { type: 'boolean' },
        Number: { type: 'integer', min: 1 },
        Uri: text({ pattern: '(https|s3)://([^/]+)/?(.*)' }),
        Mode: text({ enum: ['Pipe', 'File', 'FastFile'] }),
        Parameters: { type: 'map', key: 'Text', value: 'Text' },
        Algorithm: {
          type: 'structure',
          required: ['TrainingInputMode'],
          members: {
            TrainingImage: member('Text'),
            TrainingInputMode: member('Mode')
          }
        },
        Channels: { type: 'list', member: 'Channel', min: 1 },
        Channel: {
          type: 'structure',
          required: ['ChannelName', 'DataSource'],
          members: {
            ChannelName: member('Text'),
            ContentType: member('Text'),
            DataSource: member('Source')
          }
        },
        Source: {
          type: 'structure',
          members: { S3DataSource: member('S3Source') }
        },
        S3Source: {
          type: 'structure',
          required: ['S3DataType', 'S3Uri'],
          members: { S3DataType: member('Text'), S3Uri: member('Uri') }
        },
        Output: {
          type: 'structure',
          required: ['S3OutputPath'],
          members: { S3OutputPath: member('Uri') }
        },
        Resources: {
          type: 'structure',
          members: {
            InstanceType: member('Text'),
            InstanceCount: member('Number'),
            VolumeSizeInGB: member('Number')
          }
        },
        Stopping: {
          type: 'structure',
          members: { MaxRuntimeInSeconds: member('Number') }
        }
      }
    }
  };
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
