import { RequestError, STUDIO_UNAVAILABLE } from '../../api/request';
import { ListModel, RemoteModel } from '../remote';

const away = () => new RequestError('away', STUDIO_UNAVAILABLE, 503);

/** A promise and the functions that settle it. */
function deferred<T>() {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>(done => (resolve = done));
  return { promise, resolve };
}

describe('RemoteModel', () => {
  it('starts without a value and asks nobody', () => {
    const fetch = jest.fn();
    const model = new RemoteModel('test', fetch);
    expect(model.state).toBe('loading');
    expect(model.value).toBeNull();
    expect(fetch).not.toHaveBeenCalled();
    model.dispose();
  });

  it('publishes what arrives', async () => {
    const model = new RemoteModel('test', async () => 7);
    const changed = jest.fn();
    model.changed.connect(changed);
    await model.refresh();
    expect([model.state, model.value]).toEqual(['ready', 7]);
    expect(changed).toHaveBeenCalledTimes(1);
    model.dispose();
  });

  it('keeps the last value while the studio is away', async () => {
    let answer: () => number = () => 7;
    const model = new RemoteModel('test', async () => answer());
    await model.refresh();
    answer = () => {
      throw away();
    };
    await model.refresh();
    expect([model.state, model.value]).toEqual(['disconnected', 7]);
    expect(model.error?.message).toBe('away');
    answer = () => 8;
    await model.refresh();
    expect([model.state, model.value, model.error]).toEqual(['ready', 8, null]);
    model.dispose();
  });

  it('tells an error of the studio from its absence', async () => {
    const model = new RemoteModel('test', async () => {
      throw new RequestError('no', 'ValidationException', 400);
    });
    await model.refresh();
    expect(model.state).toBe('error');
    model.dispose();
  });

  it('drops an answer that a later request overtook', async () => {
    const [first, second] = [deferred<string>(), deferred<string>()];
    const answers = [first, second].values();
    const model = new RemoteModel('test', () => {
      const next = answers.next();
      return next.done ? Promise.reject() : next.value.promise;
    });
    const refreshes = [model.refresh(), model.refresh()];
    second.resolve('new');
    await refreshes[1];
    first.resolve('old');
    await refreshes[0];
    expect(model.value).toBe('new');
    model.dispose();
  });

  it('polls while somebody watches, and only then', async () => {
    const fetch = jest.fn(async () => 1);
    const model = new RemoteModel('test', fetch, 10);
    const pause = () => new Promise(done => setTimeout(done, 100));
    await pause();
    expect(fetch).not.toHaveBeenCalled();
    const watch = model.watch();
    await pause();
    expect(fetch.mock.calls.length).toBeGreaterThan(2);
    watch.dispose();
    await pause();
    const polls = fetch.mock.calls.length;
    await pause();
    expect(fetch.mock.calls.length).toBe(polls);
    model.dispose();
  });

  it('is silent once disposed', async () => {
    const answer = deferred<number>();
    const model = new RemoteModel('test', () => answer.promise);
    const changed = jest.fn();
    model.changed.connect(changed);
    const refresh = model.refresh();
    model.dispose();
    answer.resolve(1);
    await refresh;
    expect(changed).not.toHaveBeenCalled();
  });
});

describe('ListModel', () => {
  it('grows by pages and keeps them when it refreshes', async () => {
    const items = ['a', 'b', 'c'];
    const model = new ListModel('test', async (token = '0') => ({
      items: items.slice(Number(token), Number(token) + 2),
      nextToken:
        Number(token) + 2 < items.length ? String(Number(token) + 2) : null
    }));
    await model.refresh();
    expect([model.value, model.hasMore]).toEqual([['a', 'b'], true]);
    await model.loadMore();
    expect([model.value, model.hasMore]).toEqual([['a', 'b', 'c'], false]);
    items.unshift('new');
    await model.refresh();
    expect([model.value, model.hasMore]).toEqual([
      ['new', 'a', 'b', 'c'],
      false
    ]);
    model.dispose();
  });
});
