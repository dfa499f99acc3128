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

/** A folder's page: keys and prefixes are whole, `modified` is ISO 8601. */
export interface IFolderPage {
  folders: string[];
  objects: { key: string; size: number; modified: string }[];
  nextToken: string | null;
}

/** How much lies below a prefix; `more` where counting was given up. */
export interface IObjectCount {
  objects: number;
  bytes: number;
  more: boolean;
}

/** How far a deletion has come; `more` says to ask again. */
export interface IDeletion {
  deleted: number;
  errors: { key: string; message: string }[];
  more: boolean;
}

/** The beginning of an object. */
export type Preview = { size: number; truncated: boolean } & (
  | { kind: 'table'; columns: string[]; rows: string[][] }
  | { kind: 'text'; text: string }
  | { kind: 'image'; mediaType: string }
  | { kind: 'none'; reason: string }
);

/** An instance type: what it has on SageMaker, and what the studio gives. */
export interface IInstanceType {
  InstanceType: string;
  VCpus?: number;
  MemoryInBytes?: number;
  Gpus?: number;
  GivenVCpus?: number;
  GivenMemoryInBytes?: number;
  FitsNow: boolean;
  Refusal?: string;
}

/** A hyperparameter that an algorithm knows. */
export interface IHyperparameter {
  name: string;
  type: string;
  default?: string;
  required?: boolean;
  choices?: (string | number)[];
  min?: number;
  max?: number;
  above?: number;
  below?: number;
}

/** An image of the studio; without hyperparameters it needs a script. */
export interface IImage {
  name: string;
  uri: string;
  /** Regular expressions of the whole URIs that it stands for. */
  aliases: string[];
  hyperparameters: IHyperparameter[] | null;
}

/** A shape of a service model. */
export interface IShape {
  type: string;
  members?: Record<string, { shape: string; documentation: string }>;
  required?: string[];
  member?: string;
  key?: string;
  value?: string;
  min?: number;
  max?: number;
  pattern?: string;
  enum?: string[];
  union?: boolean;
}

/** The shapes of an operation's input; `Input` names the first. */
export interface IShapes {
  Input: string;
  Shapes: Record<string, IShape>;
}

/** What the form that makes a training job is filled from. */
export interface ITrainingJobForm {
  bucket: string;
  role: string;
  images: IImage[];
  instanceTypes: IInstanceType[];
  shapes: IShapes;
}

/** A script of the Jupyter server that was sent to S3. */
export interface ISentSource {
  program: string;
  directory: string;
  files: number;
}

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

/** Everything the panel of one training job shows. */
export interface ITrainingJobDetails {
  job: DescribeTrainingJobResponse;
  /** Its place among those that wait for room on the machine; the first is 1. */
  waiting?: { position: number; count: number };
  /** How many seconds the last runs of its kind took. */
  expected?: number;
}

/** Everything the panel of one endpoint shows. */
export interface IEndpointDetails {
  endpoint: DescribeEndpointOutput;
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
