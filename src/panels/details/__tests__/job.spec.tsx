import type { Tag } from '@aws-sdk/client-sagemaker';
import { fireEvent, render, screen, within } from '@testing-library/react';
import { CommandRegistry } from '@lumino/commands';
import React, { act } from 'react';

import { FakeClient, makeJob } from '../../../__tests__/testutils';
import { RequestError, STUDIO_UNAVAILABLE } from '../../../api/request';
import type { IMetricSeries, ITrainingJobDetails } from '../../../api/types';
import { NO_ARGS } from '../../../commands/support';
import { RemoteModel } from '../../../model/remote';
import { StudioModel } from '../../../model/studio';
import { usageOf } from '../../../model/usage';
import { LogModel } from '../../logs/model';
import { TrainingJobDetails } from '../job';

const OPEN_S3 = 'mlstudio:open-s3';
const START = new Date(Date.now() - 60_000);

let client: FakeClient;
let studio: StudioModel;
let details: ITrainingJobDetails;
let model: RemoteModel<ITrainingJobDetails>;
let log: LogModel;
let series: RemoteModel<readonly IMetricSeries[]>;
let tagModel: RemoteModel<readonly Tag[]>;
let tags: Tag[];
let commands: CommandRegistry;
const onCopy = jest.fn();
const open = jest.fn();

beforeEach(async () => {
  jest.clearAllMocks();
  client = new FakeClient();
  studio = new StudioModel(client);
  client.jobs = [makeJob('job', { TrainingStartTime: START })];
  details = await client.trainingJob('job');
  model = new RemoteModel('details', async () => {
    if (client.failure) {
      throw client.failure;
    }
    return details;
  });
  log = new LogModel(studio, { kind: 'TrainingJob', name: 'job' });
  tags = [{ Key: 'team', Value: 'red' }];
  series = new RemoteModel('series', async () => []);
  tagModel = new RemoteModel('tags', async () => [...tags]);
  commands = new CommandRegistry();
});

afterEach(() => {
  [model, log, series, tagModel].forEach(each => each.dispose());
  studio.dispose();
});

async function show(): Promise<void> {
  render(
    <TrainingJobDetails
      model={model}
      metrics={series}
      usage={series}
      log={log}
      tags={{
        model: tagModel,
        add: async (key, value) => {
          if (key.startsWith('aws:')) {
            throw new Error('reserved');
          }
          tags.push({ Key: key, Value: value });
          await tagModel.refresh();
        },
        remove: async key => {
          tags = tags.filter(tag => tag.Key !== key);
          await tagModel.refresh();
        }
      }}
      commands={commands}
      onStart={async () => undefined}
      onStop={() => undefined}
      onClone={() => undefined}
      onCopy={onCopy}
    />
  );
  await act(async () => {
    await Promise.all([model, log, series, tagModel].map(m => m.refresh()));
  });
}

function fact(name: string): string | null | undefined {
  return screen.getByText(name).nextElementSibling?.textContent;
}

describe('TrainingJobDetails', () => {
  it('says why a job waits, and behind whom', async () => {
    details = {
      job: {
        ...details.job,
        SecondaryStatusTransitions: [
          {
            Status: 'Starting',
            StartTime: START,
            StatusMessage: 'Waiting for room on this machine for ml.m5.large'
          }
        ]
      },
      waiting: { position: 2, count: 5 }
    };
    await show();
    expect(fact('Waits for')).toBe(
      'Waiting for room on this machine for ml.m5.large: place 2 of 5 in the queue'
    );
  });

  it('expects an end by earlier runs, and says when it is late', async () => {
    details = { ...details, expected: 3660 };
    await show();
    expect(fact('Expected end')).toMatch(/in (59 minutes|1 hour)/);
    details = { ...details, expected: 30 };
    await act(() => model.refresh());
    expect(fact('Expected end')).toContain('longer than the 0:30');
  });

  it('shows times both ways', async () => {
    await show();
    expect(fact('Started')).toMatch(/1 minute ago \(.*\d{4}.*\)/);
  });

  it('copies in every form', async () => {
    await show();
    for (const name of ['SageMaker SDK', 'boto3', 'AWS CLI']) {
      fireEvent.click(screen.getByRole('button', { name: `Copy as ${name}` }));
    }
    expect(onCopy.mock.calls).toEqual([['sdk'], ['boto3'], ['cli']]);
  });

  it('shows what is in S3 only where something can show it', async () => {
    await show();
    const row = () => within(screen.getByRole('row', { name: /Model/ }));
    expect(row().queryByRole('button', { name: /Show/ })).toBeNull();
    commands.addCommand(OPEN_S3, {
      label: OPEN_S3,
      describedBy: NO_ARGS,
      execute: open
    });
    await act(() => model.refresh());
    fireEvent.click(row().getByRole('button', { name: /Show/ }));
    expect(open).toHaveBeenCalledWith({ uri: 's3://bucket/model.tar.gz' });
  });

  it('adds and removes tags, and says what is refused', async () => {
    await show();
    const type = (name: string, value: string) =>
      fireEvent.change(screen.getByRole('textbox', { name }), {
        target: { value }
      });
    type('Key of a tag', 'stage');
    type('Value of a tag', 'test');
    const add = screen.getByRole('button', { name: 'Add' });
    await act(async () => fireEvent.click(add));
    expect(screen.getByText('stage: test')).toBeTruthy();
    const remove = screen.getByRole('button', { name: 'Remove tag team' });
    await act(async () => fireEvent.click(remove));
    expect(screen.queryByText('team: red')).toBeNull();
    type('Key of a tag', 'aws:x');
    await act(async () => fireEvent.click(add));
    expect(screen.getByRole('alert').textContent).toBe('reserved');
  });

  it('keeps what it has while the studio is away', async () => {
    await show();
    client.failure = new RequestError('away', STUDIO_UNAVAILABLE, 503);
    await act(() => model.refresh());
    expect(screen.getAllByRole('alert')[0]?.textContent).toContain(
      'not connected'
    );
    expect(screen.getByRole('heading', { name: 'job' })).toBeTruthy();
  });
});

it('asks CloudWatch what the hosts of a job use', async () => {
  const asked: Record<string, unknown>[] = [];
  const answers = async (
    _: string,
    operation: string,
    params: Record<string, unknown>
  ) => {
    asked.push(params);
    const [dimension] = (params['Dimensions'] ?? []) as { Value: string }[];
    return operation === 'ListMetrics'
      ? {
          Metrics: [
            {
              Namespace: '/aws/sagemaker/TrainingJobs',
              MetricName: 'CPUUtilization',
              Dimensions: [{ Name: 'Host', Value: dimension?.Value }]
            }
          ]
        }
      : {
          MetricDataResults: [
            {
              Id: 'm1',
              Timestamps: ['2026-11-22T10:00:00+00:00'],
              Values: [12.5]
            }
          ]
        };
  };
  client.call = answers as FakeClient['call'];
  const job = makeJob('job', {
    TrainingStartTime: new Date('2026-11-22T10:00:00Z'),
    TrainingEndTime: new Date('2026-11-22T10:10:00Z'),
    ResourceConfig: {
      InstanceType: 'ml.m5.large',
      InstanceCount: 2,
      VolumeSizeInGB: 1
    }
  });
  const series = await usageOf(client, { ...details.job, ...job });
  expect(series).toEqual([
    {
      MetricName: 'algo-2:CPUUtilization',
      Steps: [0],
      Times: [Date.UTC(2026, 10, 22, 10) / 1000],
      Values: [12.5]
    }
  ]);
  const queries = asked[2]?.['MetricDataQueries'] as {
    MetricStat: { Period: number };
  }[];
  expect(queries.map(query => query.MetricStat.Period)).toEqual([10, 10]);
});
