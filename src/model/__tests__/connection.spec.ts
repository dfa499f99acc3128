import { FakeClient, makeJob } from '../../__tests__/testutils';
import {
  NETWORK_ERROR,
  RequestError,
  STUDIO_UNAVAILABLE
} from '../../api/request';
import { Connection } from '../connection';
import { StudioModel } from '../studio';

const studioAway = () =>
  new RequestError('It is off.', STUDIO_UNAVAILABLE, 503);
const serverAway = () => new RequestError('refused', NETWORK_ERROR, 0);
const pause = (milliseconds: number) =>
  new Promise(done => setTimeout(done, milliseconds));

describe('Connection', () => {
  let client: FakeClient;
  let connection: Connection;
  let changes: jest.Mock;

  beforeEach(() => {
    client = new FakeClient();
    connection = new Connection(client, { first: 20, longest: 40 });
    changes = jest.fn();
    connection.changed.connect(changes);
  });

  afterEach(() => connection.dispose());

  it('asks nobody while requests are answered', async () => {
    const status = jest.spyOn(client, 'status');
    await client.trainingJobs();
    await pause(60);
    expect(connection.reach).toBe('studio');
    expect(status).not.toHaveBeenCalled();
    expect(changes).not.toHaveBeenCalled();
  });

  it('tells the absence of the studio from that of the server', async () => {
    client.failure = studioAway();
    await client.trainingJobs().catch(() => undefined);
    expect(connection.reach).toBe('server');
    expect(connection.error?.message).toBe('It is off.');
    client.failure = serverAway();
    await client.trainingJobs().catch(() => undefined);
    expect(connection.reach).toBe('nowhere');
    expect(changes).toHaveBeenCalledTimes(2);
  });

  it('takes a refusal for an answer', async () => {
    client.failure = new RequestError('no', 'ValidationException', 400);
    await client.trainingJobs().catch(() => undefined);
    expect(connection.reach).toBe('studio');
  });

  it('asks on until there is an answer, and then no more', async () => {
    const status = jest.spyOn(client, 'status');
    client.failure = serverAway();
    await client.trainingJobs().catch(() => undefined);
    await pause(300);
    expect(status.mock.calls.length).toBeGreaterThan(2);
    expect(changes).toHaveBeenCalledTimes(1);
    client.failure = null;
    await pause(100);
    expect([connection.reach, connection.error]).toEqual(['studio', null]);
    const asked = status.mock.calls.length;
    await pause(100);
    expect(status.mock.calls.length).toBe(asked);
  });

  it('asks at once when the network comes or goes', async () => {
    const patient = new Connection(client, { first: 9e6, longest: 9e6 });
    window.dispatchEvent(new Event('offline'));
    await pause(0);
    expect(patient.reach).toBe('studio');
    client.failure = serverAway();
    window.dispatchEvent(new Event('offline'));
    await pause(0);
    expect(patient.reach).toBe('nowhere');
    client.failure = null;
    window.dispatchEvent(new Event('online'));
    await pause(0);
    expect(patient.reach).toBe('studio');
    patient.dispose();
  });
});

describe('StudioModel', () => {
  it('brings everything up to date when the studio is back, however that is learnt', async () => {
    const client = new FakeClient();
    const studio = new StudioModel(client);
    client.failure = serverAway();
    await studio.trainingJobs.refresh();
    expect(studio.trainingJobs.state).toBe('disconnected');
    const followed = studio.follow('TrainingJob', 'a', () =>
      client.trainingJob('a')
    );
    client.failure = null;
    client.jobs = [makeJob('a')];
    await client.endpoints();
    await pause(700);
    expect(studio.trainingJobs.state).toBe('ready');
    expect(followed.value?.job.TrainingJobName).toBe('a');
    followed.dispose();
    studio.dispose();
  });
});
