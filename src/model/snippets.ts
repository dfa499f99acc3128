import type {
  CreateTrainingJobRequest,
  DescribeTrainingJobResponse
} from '@aws-sdk/client-sagemaker';

/** The members of a description that were in the request. */
const REQUESTED = [
  'HyperParameters',
  'AlgorithmSpecification',
  'RoleArn',
  'InputDataConfig',
  'OutputDataConfig',
  'ResourceConfig',
  'VpcConfig',
  'StoppingCondition',
  'EnableNetworkIsolation',
  'EnableInterContainerTrafficEncryption',
  'EnableManagedSpotTraining',
  'CheckpointConfig',
  'DebugHookConfig',
  'DebugRuleConfigurations',
  'TensorBoardOutputConfig',
  'ExperimentConfig',
  'ProfilerConfig',
  'ProfilerRuleConfigurations',
  'Environment',
  'RetryStrategy'
] as const satisfies readonly (keyof CreateTrainingJobRequest &
  keyof DescribeTrainingJobResponse)[];

/** The most metric definitions a request may have. */
const MOST_DEFINITIONS = 40;

/** The longest name of a training job. */
const LONGEST = 63;

const COPY = '-copy';

/** The request that makes a job like this one, under a name of its own. */
export function requestLike(
  job: DescribeTrainingJobResponse
): Record<string, unknown> {
  const name = (job.TrainingJobName ?? '').slice(0, LONGEST - COPY.length);
  const members = REQUESTED.map(member => [member, job[member]] as const);
  return {
    TrainingJobName: name + COPY,
    ...Object.fromEntries(members.filter(([, value]) => isSaid(value))),
    ...algorithmOf(job)
  };
}

/** Python that sends a request with boto3. */
export function asBoto3(request: Record<string, unknown>): string {
  const members = Object.entries(request).map(
    ([name, value]) => `    ${name}=${python(value, '    ')},`
  );
  return [
    'import boto3',
    '',
    'sagemaker = boto3.client("sagemaker")',
    'sagemaker.create_training_job(',
    ...members,
    ')',
    ''
  ].join('\n');
}

/** In which form a request can be copied. */
export type SnippetKind = 'boto3' | 'cli' | 'sdk';

/** Maps whose keys are the user's own, and so are not written in another way. */
const USER_MAPS = new Set([
  'CollectionParameters',
  'Environment',
  'HookParameters',
  'HyperParameters',
  'ProfilingParameters',
  'RuleParameters'
]);

/** Python that sends a request with the resource classes of the SageMaker SDK, from version 3 on. */
export function asSdk(request: Record<string, unknown>): string {
  const members = Object.entries(snaked(request)).map(
    ([name, value]) => `    ${name}=${python(value, '    ')},`
  );
  return [
    'from sagemaker.core.resources import TrainingJob',
    '',
    'job = TrainingJob.create(',
    ...members,
    ')',
    'job.wait()',
    ''
  ].join('\n');
}

/** A request with the names of its members as Python writes them. */
function snaked(document: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(document).map(([name, value]) => [
      snake(name),
      USER_MAPS.has(name) ? value : snakedValue(value)
    ])
  );
}

function snakedValue(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(snakedValue);
  }
  return typeof value === 'object' && value !== null ? snaked(value) : value;
}

function snake(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1_$2')
    .toLowerCase();
}

/** A command of a POSIX shell that sends a request with the AWS CLI. */
export function asCli(request: Record<string, unknown>): string {
  const json = JSON.stringify(request, null, 2).replaceAll("'", `'\\''`);
  return `aws sagemaker create-training-job --cli-input-json '${json}'\n`;
}

/** The algorithm without what the studio says of built-in ones, which no request may. */
function algorithmOf(job: DescribeTrainingJobResponse): object {
  const { MetricDefinitions: definitions = [], ...algorithm } =
    job.AlgorithmSpecification ?? { TrainingInputMode: 'File' };
  const isOwn =
    definitions.length > 0 && definitions.length <= MOST_DEFINITIONS;
  return {
    AlgorithmSpecification: {
      ...algorithm,
      ...(isOwn ? { MetricDefinitions: definitions } : {})
    }
  };
}

/** Whether a member says anything: neither absent, off nor empty. */
function isSaid(value: unknown): boolean {
  return (
    value !== undefined &&
    value !== false &&
    !(typeof value === 'object' && Object.keys(value ?? {}).length === 0)
  );
}

/** A value as a Python literal, its further lines indented. */
function python(value: unknown, indent: string): string {
  const inner = `${indent}    `;
  if (Array.isArray(value)) {
    const items = value.map(item => `${inner}${python(item, inner)},\n`);
    return items.length > 0 ? `[\n${items.join('')}${indent}]` : '[]';
  }
  if (typeof value === 'object' && value !== null) {
    const items = Object.entries(value).map(
      ([key, item]) =>
        `${inner}${JSON.stringify(key)}: ${python(item, inner)},\n`
    );
    return items.length > 0 ? `{\n${items.join('')}${indent}}` : '{}';
  }
  if (typeof value === 'boolean') {
    return value ? 'True' : 'False';
  }
  return value === null ? 'None' : JSON.stringify(value);
}
