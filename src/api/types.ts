import type {
  DescribeEndpointOutput,
  DescribeTrainingJobResponse,
  EndpointSummary,
  TrainingJob as TrainingJobRecord,
  TrainingJobSummary
} from '@aws-sdk/client-sagemaker';

/** A row of the list of training jobs. */
export type TrainingJob = Pick<
  DescribeTrainingJobResponse,
  | 'CreationTime'
  | 'FailureReason'
  | 'FinalMetricDataList'
  | 'LastModifiedTime'
  | 'ResourceConfig'
  | 'SecondaryStatus'
  | 'TrainingEndTime'
  | 'TrainingJobArn'
  | 'TrainingJobName'
  | 'TrainingJobStatus'
  | 'TrainingStartTime'
>;

export type { TrainingJobRecord };

/** Which training jobs are wanted, and in which order. */
export interface ITrainingJobQuery {
  /** What names contain; all have the empty text. */
  text: string;
  /** The whole name, where one job is wanted. */
  name?: string;
  /** One status, or `''` for all. */
  status: string;
  /** The property to sort by, as `Search` names it, e.g. `HyperParameters.eta`. */
  sort: string;
  descending: boolean;
}

/** Some of the training jobs that a query finds. */
export interface ITrainingJobHits extends IPage<TrainingJobRecord> {
  total: number;
}

/** A row of the list of endpoints. */
export type Endpoint = Pick<
  DescribeEndpointOutput,
  | 'CreationTime'
  | 'EndpointArn'
  | 'EndpointConfigName'
  | 'EndpointName'
  | 'EndpointStatus'
  | 'FailureReason'
  | 'LastModifiedTime'
  | 'ProductionVariants'
>;

/** One page of a list. */
export interface IPage<T> {
  items: T[];
  nextToken: string | null;
}

/**
 * A metric of a job or trial component, thinned to what can be drawn; its arrays are equally long.
 * `Times` are in seconds since 1970; a value that is not finite is the text `NaN`, `Infinity` or
 * `-Infinity`.
 */
export interface IMetricSeries {
  MetricName: string;
  Steps: number[];
  Times: number[];
  Values: (number | string)[];
}

/** A line of a log; `Time` is in milliseconds since 1970. */
export interface ILogLine {
  Time: number;
  Message: string;
}

/** The end of one log stream. */
export interface ILogTail {
  stream: string;
  lines: ILogLine[];
  /** Whether there are earlier lines. */
  truncated: boolean;
}

/** Everything the panel of one training job shows. */
export interface ITrainingJobDetails {
  job: DescribeTrainingJobResponse;
  logs: ILogTail[];
}

/** Everything the panel of one endpoint shows. */
export interface IEndpointDetails {
  endpoint: DescribeEndpointOutput;
  logs: ILogTail[];
}

/** The studio's own account of itself. */
export interface IStudioStatus {
  StudioId: string;
  Version: string;
  EngineName: string;
  Notes: string[];
  ResourceCounts: Record<string, number>;
  Urls: { Endpoint: string; S3: string; Runtime: string };
  StartTime?: Date;
  /** What the machine has for containers. */
  Capacity: IResources;
  /** What running jobs have of it. */
  Reserved: IResources;
  /** How many wait for room on the machine. */
  WaitingCount: number;
}

/** A part of a machine. */
export interface IResources {
  Cpus: number;
  MemoryInBytes: number;
  Gpus: number;
}

/** The studio, with the jobs in progress and the endpoints in service; of each the latest hundred. */
export interface IRunning {
  studio: IStudioStatus;
  trainingJobs: TrainingJobSummary[];
  endpoints: EndpointSummary[];
}
