import { FakeS3 } from '../../__tests__/testutils';
import { NETWORK_ERROR, RequestError } from '../../api/request';
import { S3FolderModel } from '../s3folder';
import { folderOf, lastPart, parentOf, parseUri, toUri } from '../s3uri';
import { isOpen, PART, UploadQueue } from '../uploads';

const target = (key: string) => ({ bucket: 'b', key });

async function settled(queue: UploadQueue): Promise<void> {
  while (queue.uploads.some(isOpen)) {
    await new Promise(done => setTimeout(done, 0));
  }
}

describe('URIs', () => {
  it('are read and written', () => {
    expect(parseUri('s3://b/a/c d')).toEqual({ bucket: 'b', key: 'a/c d' });
    expect(parseUri('s3://b')).toEqual({ bucket: 'b', key: '' });
    expect(parseUri('s3://')).toEqual({ bucket: '', key: '' });
    expect(parseUri('/tmp/x')).toBeNull();
    expect(toUri(target('a/'))).toBe('s3://b/a/');
    expect([lastPart('a/b/'), lastPart('a/c'), lastPart('c')]).toEqual([
      'b/',
      'c',
      'c'
    ]);
    expect([folderOf('a/b'), folderOf('b'), parentOf('a/b/')]).toEqual([
      'a/',
      '',
      'a/'
    ]);
  });
});

describe('S3FolderModel', () => {
  let client: FakeS3;
  beforeEach(() => {
    client = new FakeS3();
    for (const key of ['a/1', 'a/2', 'a/b/3', 'top']) {
      client.objects.set(`b/${key}`, new Blob());
    }
  });

  it('goes from buckets to folders to objects', async () => {
    const model = new S3FolderModel(client);
    await model.refresh();
    expect(model.value?.map(({ name }) => name)).toEqual(['b']);
    await model.open(target(''));
    expect(model.value?.map(({ kind, name }) => [kind, name])).toEqual([
      ['folder', 'a/'],
      ['object', 'top']
    ]);
    await model.open(target('a/b'));
    expect(model.folder).toEqual(target('a/'));
    expect(model.value?.map(({ key }) => key)).toEqual(['a/b/']);
    model.dispose();
  });

  it('fetches page after page, and all that is loaded when it looks again', async () => {
    client.pageSize = 2;
    client.objects = new Map(
      ['1', '2', '3', '4', '5'].map(key => [`b/${key}`, new Blob()])
    );
    const model = new S3FolderModel(client, target(''));
    await model.refresh();
    expect([model.value?.length, model.hasMore]).toEqual([2, true]);
    await Promise.all([model.loadMore(), model.loadMore()]);
    expect(model.value?.length).toBe(4);
    await model.refresh();
    expect(model.value?.length).toBe(4);
    await model.loadMore();
    expect([model.value?.length, model.hasMore]).toEqual([5, false]);
    model.dispose();
  });

  it('shows nothing of the place before while it looks at the next', async () => {
    const model = new S3FolderModel(client, target(''));
    await model.refresh();
    const opened = model.open(target('a/'));
    expect([model.value, model.state]).toEqual([null, 'loading']);
    await opened;
    expect(model.value?.length).toBe(3);
    client.failure = new RequestError('gone', 'NoSuchBucket', 404);
    await model.open({ bucket: 'none', key: '' });
    expect([model.value, model.error?.message]).toEqual([null, 'gone']);
    model.dispose();
  });
});

describe('UploadQueue', () => {
  it('sends a small file at once and a big one in parts', async () => {
    const client = new FakeS3();
    const queue = new UploadQueue(client);
    const arrived = jest.fn();
    queue.arrived.connect((_, place) => arrived(place.key));
    queue.add(new Blob(['x']), target('small'));
    queue.add(new Blob([new Uint8Array(2 * PART + 1)]), target('big'));
    await settled(queue);
    expect(client.sent.map(part => part?.partNumber)).toEqual(
      expect.arrayContaining([undefined, 1, 2, 3])
    );
    expect([...client.objects.keys()].sort()).toEqual(['b/big', 'b/small']);
    expect(arrived.mock.calls.flat().sort()).toEqual(['big', 'small']);
    expect(queue.uploads.map(({ state }) => state)).toEqual(['done', 'done']);
    queue.clear();
    expect(queue.uploads).toEqual([]);
  });

  it('gives up what was begun when it is cancelled', async () => {
    const client = new FakeS3();
    const queue = new UploadQueue(client);
    let open: (value?: unknown) => void = () => undefined;
    client.gate = new Promise(resolve => {
      open = resolve;
    });
    for (const name of ['1', '2', '3', '4']) {
      queue.add(new Blob([new Uint8Array(PART + 1)]), target(name));
    }
    await new Promise(done => setTimeout(done, 0));
    expect(queue.uploads.map(({ state }) => state)).toEqual([
      'sending',
      'sending',
      'sending',
      'waiting'
    ]);
    queue.uploads.forEach(({ id }) => queue.cancel(id));
    open();
    await settled(queue);
    expect(queue.uploads.every(({ state }) => state === 'cancelled')).toBe(
      true
    );
    expect([client.aborted, client.objects.size]).toEqual([3, 0]);
  });

  it('tries again where the connection failed, and says what else did', async () => {
    const client = new FakeS3();
    const queue = new UploadQueue(client);
    let failures = 2;
    const send = client.send.bind(client);
    client.send = (...args) => {
      if (failures-- > 0) {
        throw new RequestError('lost', NETWORK_ERROR, 0);
      }
      return send(...args);
    };
    queue.add(new Blob(['x']), target('a'));
    await settled(queue);
    expect(queue.uploads[0]?.state).toBe('done');
    client.failure = new RequestError('full', 'Full', 507);
    queue.add(new Blob(['x']), target('b'));
    await settled(queue);
    expect(queue.uploads[1]).toMatchObject({
      state: 'failed',
      problem: 'full'
    });
  });
});
