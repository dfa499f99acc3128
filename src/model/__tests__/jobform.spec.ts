import { FakeClient, makeForm } from '../../__tests__/testutils';
import { RequestError, STUDIO_UNAVAILABLE } from '../../api/request';
import type { ITrainingJobForm } from '../../api/types';
import { check } from '../constraints';
import { JobFormModel, toDraft } from '../jobform';
import { valueAt, withValue } from '../paths';
import { locate } from '../refusals';

let client: FakeClient;
let form: ITrainingJobForm;
let model: JobFormModel;

const URI = ['InputDataConfig', 0, 'DataSource', 'S3DataSource', 'S3Uri'];

beforeEach(() => {
  client = new FakeClient();
  form = makeForm();
  model = new JobFormModel(client);
  model.suggest(form);
});

/** Fill in what the form cannot suggest. */
function complete(): void {
  model.set(URI, 's3://bucket/data/');
  model.set(['HyperParameters', 'num_round'], '5');
}

describe('withValue', () => {
  it('makes what is missing on the way', () => {
    expect(withValue({}, ['a', 0, 'b'], 1)).toEqual({ a: [{ b: 1 }] });
  });

  it('leaves the original and the order of members alone', () => {
    const before = { a: { x: 1 }, b: 2 };
    const after = withValue(before, ['a', 'x'], 3);
    expect(before.a.x).toBe(1);
    expect(Object.keys(after as object)).toEqual(['a', 'b']);
    expect(withValue(before, ['a', 'x'], undefined)).toEqual({ a: {}, b: 2 });
    expect(withValue([1, 2], [0], undefined)).toEqual([2]);
  });
});

describe('JobFormModel', () => {
  it('suggests a job of an algorithm that needs no script', () => {
    const { request = {}, isNamed } = model.draft ?? {};
    expect(valueAt(request, ['TrainingJobName'])).toMatch(
      /^xgboost-\d{4}(-\d\d){5}-\d{3}$/
    );
    expect(isNamed).toBe(false);
    expect(valueAt(request, ['OutputDataConfig', 'S3OutputPath'])).toBe(
      's3://bucket/'
    );
    expect(valueAt(request, ['HyperParameters'])).toEqual({ num_round: '' });
  });

  it('names the job after its image until the user does', () => {
    const image = ['AlgorithmSpecification', 'TrainingImage'];
    model.set(image, 'host:5000/team/My.Image:1.0');
    const name = () => valueAt(model.draft?.request, ['TrainingJobName']);
    expect(name()).toMatch(/^My-Image-\d/);
    model.set(['TrainingJobName'], 'mine');
    model.set(image, 'other');
    expect(name()).toBe('mine');
  });

  it('says in the words of the API what the model rules out, and sends nothing', async () => {
    model.set(['TrainingJobName'], '-');
    model.set(['ResourceConfig', 'InstanceCount'], 0);
    expect(await model.submit(form)).toBeNull();
    expect(Object.fromEntries(model.problems)).toEqual({
      TrainingJobName:
        'Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}',
      'InputDataConfig.0.DataSource.S3DataSource.S3Uri':
        'Member must not be null',
      'ResourceConfig.InstanceCount':
        'Member must have value greater than or equal to 1',
      'HyperParameters.num_round': 'Member must not be null'
    });
    expect(client.calls).toEqual([]);
    complete();
    expect([...model.problems.keys()]).toEqual([
      'TrainingJobName',
      'ResourceConfig.InstanceCount'
    ]);
  });

  it('sends the request, without hyperparameters that were left empty', async () => {
    complete();
    model.set(['HyperParameters', 'eta'], '');
    const name = await model.submit(form);
    expect(name).toMatch(/^xgboost-/);
    const [[operation, request] = []] = client.calls;
    expect(operation).toBe('CreateTrainingJob');
    expect(request?.HyperParameters).toEqual({ num_round: '5' });
    expect(model.isBusy).toBe(false);
  });

  it('sends a script along, as the SDK does', async () => {
    complete();
    model.set(['TrainingJobName'], 'mine');
    model.set(['HyperParameters'], undefined);
    model.setScript({ path: 'code/train.py', folder: true });
    expect(await model.submit(form)).toBe('mine');
    expect(client.sources).toEqual([
      ['code/train.py', true, 'bucket', 'mine/source/']
    ]);
    expect(client.calls[0]?.[1].HyperParameters).toEqual({
      sagemaker_program: '"train.py"',
      sagemaker_submit_directory: '"s3://bucket/mine/source/sourcedir.tar.gz"'
    });
  });

  it('names the next job anew', async () => {
    complete();
    const first = await model.submit(form);
    await new Promise(done => setTimeout(done, 2));
    model.rename();
    const next = valueAt(model.draft?.request, ['TrainingJobName']);
    expect(next).toMatch(/^xgboost-\d/);
    expect(next).not.toBe(first);
    expect(valueAt(model.draft?.request, URI)).toBe('s3://bucket/data/');
  });

  it('keeps what was typed when the studio is away', async () => {
    complete();
    client.failure = new RequestError('gone', STUDIO_UNAVAILABLE, 503);
    expect(await model.submit(form)).toBeNull();
    expect(model.failure).toBe('gone');
    expect(valueAt(model.draft?.request, URI)).toBe('s3://bucket/data/');
    expect(model.isDirty).toBe(true);
  });

  it('begins anew, with a script or with a request', () => {
    model.begin(form, 'a/train.py');
    expect(valueAt(model.draft?.request, ['TrainingJobName'])).toMatch(
      /^pytorch-/
    );
    expect(model.draft?.script).toEqual({ path: 'a/train.py', folder: false });
    model.fill({ TrainingJobName: 'x-copy' });
    expect(model.draft).toEqual({
      request: { TrainingJobName: 'x-copy' },
      script: null,
      isNamed: true
    });
    expect(model.isDirty).toBe(false);
  });

  it('takes up what was kept, whatever that is', () => {
    const kept = JSON.parse(JSON.stringify(model.draft)) as unknown;
    expect(toDraft(kept)).toEqual(model.draft);
    for (const bad of [null, 1, [], {}, { request: 'x' }]) {
      expect(toDraft(bad)).toBeNull();
    }
    expect(toDraft({ request: {}, script: 'x' })?.script).toBeNull();
  });
});

describe('check', () => {
  it('wants numbers to be numbers, and members of lists to be whole', () => {
    const problems = check(form.shapes, {
      TrainingJobName: 'a',
      RoleArn: 'r',
      OutputDataConfig: { S3OutputPath: 'here' },
      AlgorithmSpecification: { TrainingInputMode: 'Fast' },
      ResourceConfig: { VolumeSizeInGB: '3x', InstanceCount: 1.5 },
      InputDataConfig: [{ ChannelName: 'train' }]
    });
    expect(Object.fromEntries(problems)).toEqual({
      'OutputDataConfig.S3OutputPath':
        'Member must satisfy regular expression pattern: (https|s3)://([^/]+)/?(.*)',
      'AlgorithmSpecification.TrainingInputMode':
        'Member must satisfy enum value set: [Pipe, File, FastFile]',
      'ResourceConfig.VolumeSizeInGB': 'Member must be a number',
      'ResourceConfig.InstanceCount': 'Member must be a whole number',
      'InputDataConfig.0.DataSource': 'Member must not be null'
    });
  });
});

describe('locate', () => {
  const request = {
    TrainingJobName: 'taken',
    InputDataConfig: [{ ChannelName: 'train' }],
    ResourceConfig: { InstanceType: 'ml.p3.2xlarge' },
    StoppingCondition: { MaxWaitTimeInSeconds: 1 },
    Environment: { PATH: 'x' }
  };
  const at = (message: string) => {
    const { problems, rest } = locate(message, request, form.shapes);
    return [Object.fromEntries(problems), rest];
  };

  it('finds the members that the API names', () => {
    const message =
      "2 validation errors detected: Value 'a; Value' at 'inputDataConfig.1.member.channelName' " +
      'failed to satisfy constraint: Member must satisfy regular expression pattern: [A-Z]; ' +
      "Value null at 'outputDataConfig' failed to satisfy constraint: Member must not be null";
    expect(at(message)).toEqual([
      {
        'InputDataConfig.0.ChannelName':
          'Member must satisfy regular expression pattern: [A-Z]',
        OutputDataConfig: 'Member must not be null'
      },
      ''
    ]);
    const [map] = at(
      "1 validation error detected: Value 'x' at 'environment.PATH.member' failed to satisfy constraint: Member must have length greater than or equal to 2"
    );
    expect(Object.keys(map as object)).toEqual(['Environment.PATH']);
  });

  it('finds the members that botocore names', () => {
    expect(
      at(
        'Missing required parameter in input: "RoleArn"\n' +
          'Invalid type for parameter InputDataConfig[0].ChannelName, value: 1'
      )
    ).toEqual([
      {
        RoleArn: 'Member must not be null',
        'InputDataConfig.0.ChannelName': 'Invalid type for parameter: value: 1'
      },
      ''
    ]);
  });

  it('finds the member that a message is about by its name or its value', () => {
    const wait = 'Invalid MaxWaitTimeInSeconds. It is only supported when …';
    expect(at(wait)).toEqual([
      { 'StoppingCondition.MaxWaitTimeInSeconds': wait },
      ''
    ]);
    const gpu = 'ml.p3.2xlarge needs 1 GPU, and this machine has none.';
    expect(at(gpu)).toEqual([{ 'ResourceConfig.InstanceType': gpu }, '']);
    expect(at('Something else.')).toEqual([{}, 'Something else.']);
  });
});
