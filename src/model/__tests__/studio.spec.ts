import type { Event } from '@jupyterlab/services';
import { Stream } from '@lumino/signaling';

import { FakeClient, makeEndpoint, makeJob } from '../../__tests__/testutils';
import { RESOURCE_SCHEMA } from '../events';
import { StudioModel } from '../studio';

const settle = () => new Promise(done => setTimeout(done, 700));

describe('StudioModel', () => {
  let client: FakeClient;
  let stream: Stream<Event.IManager, Event.Emission>;
  let studio: StudioModel;

  const emit = (kind: string, name: string, schema = RESOURCE_SCHEMA) =>
    stream.emit({ schema_id: schema, kind, name, status: 'x' });

  beforeEach(() => {
    client = new FakeClient();
    stream = new Stream({} as Event.IManager);
    studio = new StudioModel(client, stream);
  });

  afterEach(() => studio.dispose());

  it('fetches the list whose resource changed, once for many events', async () => {
    const jobs = jest.spyOn(client, 'trainingJobs');
    const endpoints = jest.spyOn(client, 'endpoints');
    for (let count = 0; count < 20; count++) {
      emit('TrainingJob', `job-${count}`);
    }
    await settle();
    expect(jobs).toHaveBeenCalledTimes(1);
    expect(endpoints).not.toHaveBeenCalled();
  });

  it('fetches everything when the studio comes or goes', async () => {
    client.jobs = [makeJob('a')];
    client.served = [makeEndpoint('b')];
    emit('Studio', '');
    await settle();
    expect(studio.trainingJobs.value).toHaveLength(1);
    expect(studio.endpoints.value).toHaveLength(1);
    expect(studio.status.state).toBe('ready');
  });

  it('passes on our events alone', () => {
    const seen: string[] = [];
    studio.resourceChanged.connect((_, event) => seen.push(event.name));
    emit('TrainingJob', 'mine');
    emit('TrainingJob', 'other', 'https://events.jupyter.org/else/v1');
    expect(seen).toEqual(['mine']);
  });

  it('follows one resource', async () => {
    client.jobs = [makeJob('a')];
    const fetch = jest.fn(() => client.trainingJob('a'));
    const model = studio.follow('TrainingJob', 'a', fetch);
    emit('TrainingJob', 'b');
    emit('Endpoint', 'a');
    expect(fetch).not.toHaveBeenCalled();
    emit('TrainingJob', 'a');
    expect(fetch).toHaveBeenCalledTimes(1);
    model.dispose();
    emit('TrainingJob', 'a');
    expect(fetch).toHaveBeenCalledTimes(1);
  });

  it('shows a job as stopping before the studio has said so', async () => {
    client.jobs = [makeJob('a'), makeJob('b')];
    await studio.trainingJobs.refresh();
    const statuses: (string | undefined)[][] = [];
    studio.trainingJobs.changed.connect(list =>
      statuses.push((list.value ?? []).map(job => job.TrainingJobStatus))
    );
    await studio.stopTrainingJob('a');
    expect(client.calls).toEqual([
      ['StopTrainingJob', { TrainingJobName: 'a' }]
    ]);
    expect(statuses[0]).toEqual(['Stopping', 'InProgress']);
  });

  it('does not pretend when the studio refuses', async () => {
    client.served = [makeEndpoint('a')];
    await studio.endpoints.refresh();
    client.failure = new Error('no');
    await expect(studio.deleteEndpoint('a')).rejects.toThrow('no');
    expect(studio.endpoints.value?.[0]?.EndpointStatus).toBe('InService');
  });

  it('is up to date after a start', async () => {
    client.failure = new Error('away');
    await studio.trainingJobs.refresh();
    expect(studio.trainingJobs.state).toBe('disconnected');
    await studio.start();
    expect(studio.trainingJobs.state).toBe('ready');
  });
});
