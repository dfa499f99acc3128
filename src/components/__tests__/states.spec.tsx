import { fireEvent, render, screen } from '@testing-library/react';
import { act } from 'react';
import React from 'react';

import { FakeClient } from '../../__tests__/testutils';
import {
  NETWORK_ERROR,
  RequestError,
  STUDIO_UNAVAILABLE
} from '../../api/request';
import { StudioModel } from '../../model/studio';
import { Banner, Remote } from '../states';

let client: FakeClient;
let studio: StudioModel;
const onStart = jest.fn(async () => undefined);

beforeEach(() => {
  client = new FakeClient();
  studio = new StudioModel(client);
});

afterEach(() => {
  studio.dispose();
  jest.restoreAllMocks();
});

async function fail(error: RequestError): Promise<void> {
  client.failure = error;
  await act(() => studio.trainingJobs.refresh());
}

describe('Banner', () => {
  beforeEach(() => {
    render(<Banner connection={studio.connection} onStart={onStart} />);
  });

  it('says nothing while the studio answers', async () => {
    await act(() => studio.trainingJobs.refresh());
    expect(screen.queryByRole('alert')).toBeNull();
  });

  it('offers to start a studio that is away, and goes when it is back', async () => {
    await fail(new RequestError('It is off.', STUDIO_UNAVAILABLE, 503));
    expect(screen.getByRole('alert').textContent).toContain('It is off.');
    fireEvent.click(screen.getByRole('button', { name: 'Start the studio' }));
    expect(onStart).toHaveBeenCalled();
    client.failure = null;
    await act(async () => {
      fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
    });
    expect(screen.queryByRole('alert')).toBeNull();
  });

  it.each([
    [true, 'The Jupyter server does not answer'],
    [false, 'This browser is offline']
  ])('with the browser online: %s says: %s', async (online, words) => {
    jest.spyOn(navigator, 'onLine', 'get').mockReturnValue(online);
    await fail(new RequestError('TypeError', NETWORK_ERROR, 0));
    expect(screen.getByText(words)).toBeTruthy();
    expect(
      screen.queryByRole('button', { name: 'Start the studio' })
    ).toBeNull();
  });
});

describe('Remote', () => {
  it('leaves it to a banner close by to say that the studio is away', async () => {
    const show = (hasBanner: boolean) => (
      <Remote
        model={studio.trainingJobs}
        onStart={onStart}
        hasBanner={hasBanner}
      >
        {jobs => <p>{jobs.length}</p>}
      </Remote>
    );
    await fail(new RequestError('It is off.', STUDIO_UNAVAILABLE, 503));
    const { rerender } = render(show(true));
    expect(screen.queryByRole('alert')).toBeNull();
    expect(screen.getByRole('status', { name: 'Loading' })).toBeTruthy();
    rerender(show(false));
    expect(screen.getByRole('alert')).toBeTruthy();
    await fail(new RequestError('Too many', 'ThrottlingException', 400));
    rerender(show(true));
    expect(screen.getByRole('alert').textContent).toContain('Too many');
  });
});
