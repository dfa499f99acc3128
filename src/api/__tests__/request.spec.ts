import { ServerConnection } from '@jupyterlab/services';

import { StudioClient } from '../client';
import { reviveDates } from '../dates';
import { NETWORK_ERROR, RequestError } from '../request';

const BASE = 'http://localhost/a/b%20c/';

/** A client whose server answers with `answer`; remembers the requests. */
function clientOf(answer: (url: string) => Response | Promise<Response>) {
  const requests: Request[] = [];
  const client = new StudioClient(
    ServerConnection.makeSettings({
      baseUrl: BASE,
      token: 'secret',
      fetch: async (input, init) => {
        const request = new Request(input, init);
        requests.push(request);
        return answer(request.url);
      }
    })
  );
  return { client, requests };
}

const json = (document: unknown, status = 200) =>
  new Response(JSON.stringify(document), { status });

describe('StudioClient', () => {
  it('asks below the base URL and encodes names', async () => {
    const { client, requests } = clientOf(() => json({ job: {}, logs: [] }));
    await client.trainingJob('a/b ?');
    const url = new URL(requests[0]?.url ?? '');
    expect(url.pathname).toBe('/a/b%20c/mlstudio/jobs/a%2Fb%20%3F');
    expect(requests[0]?.headers.get('Authorization')).toBe('token secret');
  });

  it('sends the token of the next page', async () => {
    const { client, requests } = clientOf(() =>
      json({ items: [], nextToken: null })
    );
    await client.trainingJobs('x=/&');
    const url = new URL(requests[0]?.url ?? '');
    expect(url.searchParams.get('nextToken')).toBe('x=/&');
  });

  it('posts the parameters of an operation', async () => {
    const { client, requests } = clientOf(() => json({}));
    const params = { TrainingJobName: 'x' };
    await client.call('sagemaker', 'StopTrainingJob', params);
    expect(requests[0]?.method).toBe('POST');
    expect(new URL(requests[0]?.url ?? '').pathname).toBe(
      '/a/b%20c/mlstudio/api/sagemaker/StopTrainingJob'
    );
    expect(await requests[0]?.json()).toEqual(params);
  });

  it('revives dates', async () => {
    const { client } = clientOf(() =>
      json({
        items: [{ CreationTime: '2026-11-22T10:00:00+00:00' }],
        nextToken: null
      })
    );
    const { items } = await client.trainingJobs();
    expect(items[0]?.CreationTime).toEqual(new Date('2026-11-22T10:00:00Z'));
  });

  it('throws what the server says', async () => {
    const { client } = clientOf(() =>
      json({ code: 'StudioUnavailable', message: 'Start it', fields: {} }, 503)
    );
    const error = await client.status().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RequestError);
    expect(error).toMatchObject({
      code: 'StudioUnavailable',
      message: 'Start it',
      status: 503,
      disconnected: true
    });
  });

  it('says so when no answer comes', async () => {
    const { client } = clientOf(() => Promise.reject(new TypeError('refused')));
    await expect(client.status()).rejects.toMatchObject({
      code: NETWORK_ERROR,
      disconnected: true
    });
  });

  it('does not take a page of HTML for an answer', async () => {
    const { client } = clientOf(() => new Response('<html>', { status: 500 }));
    await expect(client.status()).rejects.toMatchObject({
      code: 'NotJSON',
      status: 500,
      disconnected: false
    });
  });

  it.each([424, 502, 503, 504])(
    'takes the %s of a proxy for the absence of the server',
    async status => {
      const { client } = clientOf(() => new Response('<html>', { status }));
      await expect(client.status()).rejects.toMatchObject({
        code: NETWORK_ERROR,
        disconnected: true
      });
    }
  );

  it('tells everybody how its requests end', async () => {
    const heard: (string | undefined)[] = [];
    const { client } = clientOf(url =>
      url.includes('start')
        ? json({ code: 'StudioUnavailable', message: '' }, 503)
        : json({})
    );
    client.answered.connect((_, error) => heard.push(error?.code));
    await client.status();
    await client.start().catch(() => undefined);
    expect(heard).toEqual([undefined, 'StudioUnavailable']);
  });
});

describe('reviveDates', () => {
  it('leaves alone what is not a timestamp of AWS', () => {
    const document = {
      HyperParameters: { startTime: '2026-11-22T10:00:00Z' },
      MaxRuntimeInSeconds: 5,
      CreationTime: 'yesterday',
      Name: '2026-11-22T10:00:00Z',
      Nothing: null
    };
    expect(reviveDates(document)).toEqual(document);
  });

  it('reaches into lists', () => {
    expect(
      reviveDates([{ a: [{ Timestamp: '1970-01-01T00:00:00Z' }] }])
    ).toEqual([{ a: [{ Timestamp: new Date(0) }] }]);
  });
});
