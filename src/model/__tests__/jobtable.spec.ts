import type { Event } from '@jupyterlab/services';
import { Stream } from '@lumino/signaling';

import { FakeClient, makeJob } from '../../__tests__/testutils';
import { RESOURCE_SCHEMA } from '../events';
import { JobTableModel } from '../jobtable';
import { StudioModel } from '../studio';

let client: FakeClient;
let stream: Stream<Event.IManager, Event.Emission>;
let studio: StudioModel;
let model: JobTableModel;

beforeEach(() => {
  client = new FakeClient();
  client.pageSize = 2;
  client.records = ['e', 'd', 'c', 'b', 'a'].map(name => makeJob(name));
  stream = new Stream({} as Event.IManager);
  studio = new StudioModel(client, stream);
  model = new JobTableModel(studio);
});

afterEach(() => {
  model.dispose();
  studio.dispose();
});

function names(): (string | undefined)[] {
  return (model.value ?? []).map(job => job.TrainingJobName);
}

function emit(name: string): void {
  stream.emit({
    schema_id: RESOURCE_SCHEMA,
    kind: 'TrainingJob',
    name,
    status: 'x'
  });
}

const settle = (wait = 0) => new Promise(done => setTimeout(done, wait));

describe('JobTableModel', () => {
  it('fetches page after page, each once', async () => {
    await model.refresh();
    expect(names()).toEqual(['e', 'd']);
    await model.loadMore();
    await model.loadMore();
    expect(names()).toEqual(['e', 'd', 'c', 'b', 'a']);
    expect(model.total).toBe(5);
    expect(model.hasMore).toBe(false);
    await model.loadMore();
    expect(client.queries.map(query => query.nextToken)).toEqual([
      '0',
      '2',
      '4'
    ]);
  });

  it('keeps later pages while the first is polled, and puts new jobs on top', async () => {
    await model.refresh();
    await model.loadMore();
    client.records.unshift(makeJob('f'));
    await model.refresh();
    expect(names()).toEqual(['f', 'e', 'd', 'c', 'b']);
  });

  it('forgets what an earlier question found', async () => {
    await model.refresh();
    await model.loadMore();
    await model.search({ text: 'a' });
    expect(names()).toEqual(['a']);
    expect(model.total).toBe(1);
    await model.search({ text: '', status: 'Completed' });
    expect(names()).toEqual([]);
  });

  it('does not show the answer to a question that was changed meanwhile', async () => {
    const slow = model.search({ text: 'a' });
    const fast = model.search({ text: 'b' });
    await Promise.all([slow, fast]);
    expect(names()).toEqual(['b']);
  });

  it('fetches a job that changed alone', async () => {
    await model.refresh();
    client.records[1] = makeJob('d', { TrainingJobStatus: 'Completed' });
    emit('d');
    await settle();
    expect(client.queries).toHaveLength(2);
    expect(client.queries[1]?.name).toBe('d');
    expect(model.value?.[1]?.TrainingJobStatus).toBe('Completed');
  });

  it('drops a job that was deleted', async () => {
    await model.refresh();
    client.records.splice(1, 1);
    emit('d');
    await settle();
    expect(names()).toEqual(['e']);
  });

  it('looks for jobs it does not know yet', async () => {
    await model.refresh();
    client.records.unshift(makeJob('new'));
    emit('new');
    await settle(700);
    expect(names()[0]).toBe('new');
  });

  it('keeps what it has when more cannot be loaded', async () => {
    await model.refresh();
    client.failure = new Error('away');
    await model.loadMore();
    await settle();
    expect(names()).toEqual(['e', 'd']);
    expect(model.error?.message).toContain('away');
    client.failure = null;
    await model.loadMore();
    expect(names()).toHaveLength(4);
  });
});
