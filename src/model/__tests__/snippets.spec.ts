/// <reference types="node" />
import { execFileSync } from 'node:child_process';

import type { DescribeTrainingJobResponse } from '@aws-sdk/client-sagemaker';

import { asBoto3, asCli, asSdk, requestLike } from '../snippets';

const TEXT = `it's "quoted" \\ and\nbroken – ☃`;

const request = {
  HyperParameters: { odd: TEXT, eta: '0.3' },
  RoleArn: 'arn:aws:iam::123456789012:role/Role',
  InputDataConfig: [
    {
      ChannelName: 'train',
      DataSource: {
        S3DataSource: { S3DataType: 'S3Prefix', S3Uri: 's3://bucket/train' }
      }
    }
  ],
  OutputDataConfig: { S3OutputPath: 's3://bucket/out' },
  ResourceConfig: {
    InstanceType: 'ml.m5.large',
    InstanceCount: 1,
    VolumeSizeInGB: 1
  },
  StoppingCondition: { MaxRuntimeInSeconds: 60 },
  EnableNetworkIsolation: true
} as const;

function describe_(definitions: number): DescribeTrainingJobResponse {
  return {
    ...request,
    InputDataConfig: [...request.InputDataConfig],
    TrainingJobName: 'n'.repeat(63),
    TrainingJobArn: 'arn',
    TrainingJobStatus: 'Completed',
    SecondaryStatus: 'Completed',
    CreationTime: new Date(),
    ModelArtifacts: { S3ModelArtifacts: 's3://bucket/model.tar.gz' },
    EnableManagedSpotTraining: false,
    Environment: {},
    AlgorithmSpecification: {
      TrainingImage: 'image:1',
      TrainingInputMode: 'File',
      MetricDefinitions: Array.from({ length: definitions }, (_, index) => ({
        Name: `metric-${index}`,
        Regex: 'x'
      }))
    }
  };
}

describe('requestLike', () => {
  it('has what was asked for, and nothing of what became of it', () => {
    const like = requestLike(describe_(0));
    expect(like).toEqual({
      ...request,
      TrainingJobName: `${'n'.repeat(58)}-copy`,
      AlgorithmSpecification: {
        TrainingImage: 'image:1',
        TrainingInputMode: 'File'
      }
    });
  });

  it('has the definitions of the user, and not those of an algorithm', () => {
    const definitions = (count: number) => {
      const { AlgorithmSpecification: algorithm } = requestLike(
        describe_(count)
      ) as { AlgorithmSpecification: { MetricDefinitions?: unknown[] } };
      return algorithm.MetricDefinitions?.length;
    };
    expect(definitions(40)).toBe(40);
    expect(definitions(66)).toBeUndefined();
  });
});

describe('snippets', () => {
  const like = requestLike(describe_(1));

  it('are Python that calls boto3 with the request', () => {
    const code = asBoto3(like).replace(
      'import boto3',
      [
        'import json, types',
        'client = types.SimpleNamespace(create_training_job=lambda **r: print(json.dumps(r)))',
        'boto3 = types.SimpleNamespace(client=lambda name: client)'
      ].join('\n')
    );
    const said = execFileSync('python3', ['-c', code], { encoding: 'utf8' });
    expect(JSON.parse(said)).toEqual(like);
  });

  it('are Python that calls the SageMaker SDK with the request', () => {
    const stub = [
      'import json, types',
      'job = types.SimpleNamespace(wait=lambda: None)',
      'create = lambda **members: print(json.dumps(members)) or job',
      'TrainingJob = types.SimpleNamespace(create=create)'
    ].join('\n');
    const code = asSdk(like).replace(
      'from sagemaker.core.resources import TrainingJob',
      stub
    );
    const said = execFileSync('python3', ['-c', code], { encoding: 'utf8' });
    expect(JSON.parse(said)).toEqual({
      training_job_name: like['TrainingJobName'],
      hyper_parameters: request.HyperParameters,
      role_arn: request.RoleArn,
      input_data_config: [
        {
          channel_name: 'train',
          data_source: {
            s3_data_source: {
              s3_data_type: 'S3Prefix',
              s3_uri: 's3://bucket/train'
            }
          }
        }
      ],
      output_data_config: { s3_output_path: 's3://bucket/out' },
      resource_config: {
        instance_type: 'ml.m5.large',
        instance_count: 1,
        volume_size_in_gb: 1
      },
      stopping_condition: { max_runtime_in_seconds: 60 },
      enable_network_isolation: true,
      algorithm_specification: {
        training_image: 'image:1',
        training_input_mode: 'File',
        metric_definitions: [{ name: 'metric-0', regex: 'x' }]
      }
    });
  });

  it('are a shell command with the request as one argument', () => {
    const code = asCli(like).replace(/^aws /, 'set -- ');
    const said = execFileSync('sh', ['-c', `${code}printf %s "$4"`], {
      encoding: 'utf8'
    });
    expect(JSON.parse(said)).toEqual(like);
  });
});
