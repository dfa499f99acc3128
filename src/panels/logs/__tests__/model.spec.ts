import { FakeClient } from '../../../__tests__/testutils';
import { RequestError, STUDIO_UNAVAILABLE } from '../../../api/request';
import { StudioModel } from '../../../model/studio';
import { wholeRows } from '../copy';
import { LogModel, WIDTH } from '../model';

const NAME = 'job';
let client: FakeClient;
let studio: StudioModel;
let model: LogModel;

beforeEach(() => {
  client = new FakeClient();
  studio = new StudioModel(client);
  model = new LogModel(studio, { kind: 'TrainingJob', name: NAME });
});

afterEach(() => {
  model.dispose();
  studio.dispose();
});

const settle = (wait = 0) => new Promise(done => setTimeout(done, wait));

function write(count: number, text = (n: number) => `line ${n}`): void {
  const first = client.log.length;
  for (let n = first; n < first + count; n++) {
    client.log.push({
      stream: `${NAME}/algo-${(n % 2) + 1}-1`,
      message: text(n)
    });
  }
}

function messages(first: number, last: number): (string | undefined)[] {
  return Array.from(
    { length: last - first + 1 },
    (_, index) => model.row(first + index)?.Message
  );
}

describe('LogModel', () => {
  it('brings the end first, and other lines as they are wanted', async () => {
    write(5000);
    await model.refresh();
    expect(model.count).toBe(5000);
    expect(model.row(4999)?.Message).toBe('line 4999');
    expect(model.row(1000)).toBeUndefined();
    model.want(1000, 1040);
    await settle();
    expect(messages(1000, 1001)).toEqual(['line 1000', 'line 1001']);
    expect(client.logReads).toHaveLength(2);
    model.want(1010, 1040);
    await settle();
    expect(client.logReads).toHaveLength(2);
  });

  it('keeps few lines, wherever one has been', async () => {
    write(30_000);
    await model.refresh();
    for (let first = 0; first < 30_000; first += 400) {
      model.want(first, first + 40);
      await settle();
    }
    const kept = messages(0, 29_999).filter(text => text !== undefined);
    expect(kept.length).toBeLessThan(21_000);
    expect(model.row(29_600)?.Message).toBe('line 29600');
  });

  it('shows the last lines while lines are counted', async () => {
    client.logCounted = false;
    write(300);
    await model.refresh();
    expect(model.count).toBe(100);
    expect(model.counted).toBe(0.4);
    expect(model.row(99)?.Message).toBe('line 299');
    client.logCounted = true;
    await model.refresh();
    expect([model.count, model.counted]).toEqual([300, 1]);
    expect(model.row(299)?.Message).toBe('line 299');
  });

  it('reads lines again whose numbers changed, and shows the old ones until then', async () => {
    write(10);
    client.logSettled = 5;
    await model.refresh();
    client.log.splice(7, 0, { stream: `${NAME}/algo-1-1`, message: 'late' });
    await model.refresh();
    expect(model.row(7)?.Message).toBe('late');
    write(2000);
    client.logSettled = null;
    await model.refresh();
    model.want(0, 5);
    await settle();
    client.log.splice(0, 0, { stream: `${NAME}/algo-1-1`, message: 'first' });
    client.logOrder = 'b';
    await model.refresh();
    expect(model.row(0)?.Message).toBe('line 0');
    model.want(0, 5);
    await settle();
    expect(messages(0, 1)).toEqual(['first', 'line 0']);
  });

  it('counts what comes while nobody follows', async () => {
    write(10);
    await model.refresh();
    write(3);
    await model.refresh();
    expect(model.news).toBe(0);
    model.following = false;
    write(4);
    await model.refresh();
    expect(model.news).toBe(4);
    model.following = true;
    expect(model.news).toBe(0);
  });

  it('shows one host alone', async () => {
    write(10);
    await model.refresh();
    const [first] = model.allStreams;
    await model.show([String(first)]);
    expect(model.count).toBe(5);
    expect(messages(0, 1)).toEqual(['line 0', 'line 2']);
    expect(model.allStreams).toHaveLength(2);
    await model.show(null);
    expect(model.count).toBe(10);
  });

  it('finds matches, one after the other, and begins anew at the end', async () => {
    write(100);
    await model.refresh();
    await model.lookFor({ pattern: 'LINE 5', regex: false, matchCase: false });
    expect(model.search.matches).toEqual([
      5, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59
    ]);
    const visited: (number | null)[] = [];
    const revealed: number[] = [];
    model.go.revealed.connect((_, row) => revealed.push(row));
    for (let turn = 0; turn < 3; turn++) {
      await model.go.toMatch(false);
      visited.push(model.go.target);
    }
    expect(visited).toEqual([5, 50, 51]);
    expect(revealed).toEqual([5, 50, 51]);
    expect(model.following).toBe(false);
    await model.go.toMatch(true);
    await model.go.toMatch(true);
    await model.go.toMatch(true);
    expect(model.go.target).toBe(59);
    await model.go.toMatch(false);
    expect(model.go.target).toBe(5);
    write(1, () => 'line 5, late');
    await model.refresh();
    await settle();
    expect(model.search.matches).toHaveLength(12);
  });

  it('says what is wrong with an expression', async () => {
    write(10);
    await model.refresh();
    await model.lookFor({ pattern: '(', regex: true, matchCase: false });
    expect(model.search.error).toContain('cannot be read');
    await model.lookFor({ pattern: 'line', regex: false, matchCase: false });
    expect(model.search.error).toBe('');
  });

  it('goes to the first error, the next one, and says when there is none', async () => {
    write(10);
    await model.refresh();
    expect(await model.go.toError('first')).toBe(false);
    write(1, () => 'ERROR one');
    write(5);
    write(1, () => 'ERROR two');
    await model.refresh();
    expect(await model.go.toError('first')).toBe(true);
    expect(model.go.target).toBe(10);
    await model.go.toError('next');
    expect(model.go.target).toBe(16);
  });

  it('leaves lines out by level, and takes new ones in', async () => {
    write(2000, n => (n % 100 === 0 ? `ERROR ${n}` : `line ${n}`));
    await model.refresh();
    await model.showLevel('ERROR');
    expect(model.count).toBe(20);
    expect(model.row(19)?.LineNumber).toBe(1900);
    write(1, () => 'ERROR new');
    await model.refresh();
    await settle();
    expect(model.row(20)?.Message).toBe('ERROR new');
    await model.go.toLine(1900);
    expect(model.indexOf(1900)).toBe(19);
    await model.go.toLine(7);
    expect([model.level, model.count]).toEqual(['', 2001]);
  });

  it('looks for earlier lines of a filter where they are wanted', async () => {
    write(3000, n => `ERROR ${n}`);
    await model.refresh();
    await model.showLevel('ERROR');
    expect(model.count).toBe(500);
    model.want(0, 40);
    await settle();
    expect(model.count).toBe(1000);
    await model.go.toLine(100);
    expect(model.row(model.indexOf(100))?.Message).toBe('ERROR 100');
  });

  it('gives whole texts of rows that are not here', async () => {
    write(12_000, n => (n === 5000 ? 'x'.repeat(WIDTH + 10) : `line ${n}`));
    await model.refresh();
    const texts = await wholeRows(model, 10, 11_000);
    expect(texts).toHaveLength(10_991);
    expect(texts[0]).toBe('line 10');
    expect(texts[4990]).toHaveLength(WIDTH + 10);
  });

  it('goes to a line of a stream', async () => {
    write(100);
    await model.go.toReference({
      LogStreamName: `${NAME}/algo-2-1`,
      StreamLineNumber: 20
    });
    expect(model.go.target).toBe(41);
  });

  it('keeps what it has while the studio is away', async () => {
    write(10);
    await model.refresh();
    client.failure = new RequestError('away', STUDIO_UNAVAILABLE, 503);
    await model.refresh();
    expect(model.state).toBe('disconnected');
    expect(model.row(9)?.Message).toBe('line 9');
  });
});
