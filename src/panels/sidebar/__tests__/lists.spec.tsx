import { fireEvent, render, screen, within } from '@testing-library/react';
import { act } from 'react';
import React from 'react';

import {
  FakeClient,
  makeEndpoint,
  makeJob
} from '../../../__tests__/testutils';
import { RequestError, STUDIO_UNAVAILABLE } from '../../../api/request';
import { StudioModel } from '../../../model/studio';
import { EndpointList } from '../endpoints';
import { StudioHeader } from '../header';
import { TrainingJobList } from '../jobs';

let client: FakeClient;
let studio: StudioModel;
const handlers = {
  onOpen: jest.fn(),
  onStop: jest.fn(),
  onDelete: jest.fn(),
  onStart: jest.fn(async () => undefined)
};

beforeEach(() => {
  jest.clearAllMocks();
  client = new FakeClient();
  studio = new StudioModel(client);
});

afterEach(() => studio.dispose());

async function showJobs(): Promise<void> {
  render(<TrainingJobList model={studio.trainingJobs} {...handlers} />);
  await act(() => studio.trainingJobs.refresh());
}

describe('TrainingJobList', () => {
  it('shows that it loads, in the layout to come', () => {
    render(<TrainingJobList model={studio.trainingJobs} {...handlers} />);
    expect(screen.getByRole('status', { name: 'Loading' })).toBeTruthy();
  });

  it('teaches when there is nothing yet', async () => {
    await showJobs();
    expect(screen.getByText(/create_training_job/)).toBeTruthy();
    expect(screen.queryByRole('status', { name: 'Loading' })).toBeNull();
  });

  it('says what a running job does, and lets it be stopped', async () => {
    client.jobs = [makeJob('busy', { SecondaryStatus: 'Downloading' })];
    await showJobs();
    const item = screen.getByRole('listitem');
    expect(within(item).getByText('Downloading')).toBeTruthy();
    expect(within(item).getByText('ml.m5.large')).toBeTruthy();
    fireEvent.click(
      within(item).getByRole('button', { name: 'Stop training job busy' })
    );
    expect(handlers.onStop).toHaveBeenCalledWith('busy');
    expect(handlers.onOpen).not.toHaveBeenCalled();
  });

  it('says how a job ended, and offers no stop', async () => {
    client.jobs = [
      makeJob('bad', {
        TrainingJobStatus: 'Failed',
        SecondaryStatus: 'Failed',
        FailureReason: 'AlgorithmError: no labels'
      }),
      makeJob('good', {
        TrainingJobStatus: 'Completed',
        SecondaryStatus: 'Completed',
        FinalMetricDataList: [
          { MetricName: 'train:auc', Value: 1 },
          { MetricName: 'validation:auc', Value: 0.98765432 }
        ]
      })
    ];
    await showJobs();
    const [bad, good] = screen.getAllByRole('listitem');
    expect(bad?.textContent).toContain('Failed');
    expect(bad?.textContent).toContain('AlgorithmError: no labels');
    expect(good?.textContent).toContain('validation:auc 0.9877');
    expect(screen.queryByRole('button', { name: /^Stop/ })).toBeNull();
    fireEvent.click(screen.getByRole('button', { name: /^good/ }));
    expect(handlers.onOpen).toHaveBeenCalledWith('good');
  });

  it('follows the model in place', async () => {
    client.jobs = [makeJob('a')];
    await showJobs();
    const before = screen.getByRole('listitem');
    client.jobs = [makeJob('a', { TrainingJobStatus: 'Completed' })];
    await act(() => studio.trainingJobs.refresh());
    expect(screen.getByRole('listitem')).toBe(before);
    expect(before.textContent).toContain('Completed');
  });

  it('keeps its rows while the studio is away', async () => {
    client.jobs = [makeJob('a')];
    await showJobs();
    client.failure = new RequestError('It is off.', STUDIO_UNAVAILABLE, 503);
    await act(() => studio.trainingJobs.refresh());
    expect(screen.getByRole('listitem')).toBeTruthy();
  });

  it('offers to try again after an error, but not to start a studio that runs', async () => {
    client.failure = new RequestError('Too many', 'ThrottlingException', 400);
    await showJobs();
    expect(
      screen.queryByRole('button', { name: 'Start the studio' })
    ).toBeNull();
    client.failure = null;
    client.jobs = [makeJob('a')];
    await act(async () => {
      fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
    });
    expect(screen.getByRole('listitem')).toBeTruthy();
    expect(screen.queryByRole('alert')).toBeNull();
  });

  it('shows more on demand', async () => {
    client.pageSize = 2;
    client.jobs = [makeJob('a'), makeJob('b'), makeJob('c')];
    await showJobs();
    expect(screen.getAllByRole('listitem')).toHaveLength(2);
    await act(async () => {
      fireEvent.click(screen.getByRole('button', { name: 'Show more' }));
    });
    expect(screen.getAllByRole('listitem')).toHaveLength(3);
    expect(screen.queryByRole('button', { name: 'Show more' })).toBeNull();
  });
});

describe('EndpointList', () => {
  it('shows instances, and deletes only what is not on its way out', async () => {
    client.served = [
      makeEndpoint('here'),
      makeEndpoint('going', { EndpointStatus: 'Deleting' })
    ];
    render(<EndpointList model={studio.endpoints} {...handlers} />);
    await act(() => studio.endpoints.refresh());
    const [here, going] = screen.getAllByRole('listitem');
    expect(here?.textContent).toContain('In service');
    expect(here?.textContent).toContain('1/2');
    expect(going?.textContent).toContain('Deleting');
    fireEvent.click(screen.getByRole('button', { name: /^Delete endpoint/ }));
    expect(handlers.onDelete).toHaveBeenCalledWith('here');
  });
});

describe('StudioHeader', () => {
  it.each([
    ['process', 'process compute'],
    ['docker', 'docker compute']
  ])('with engine %s says %s', async (engine, words) => {
    const status = await client.status();
    jest
      .spyOn(client, 'status')
      .mockResolvedValue({ ...status, EngineName: engine });
    render(<StudioHeader status={studio.status} />);
    await act(() => studio.status.refresh());
    expect(screen.getByText(words)).toBeTruthy();
  });
});
