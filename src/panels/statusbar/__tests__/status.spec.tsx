import { fireEvent, render, screen } from '@testing-library/react';
import { act } from 'react';
import React from 'react';

import {
  FakeClient,
  makeEndpoint,
  makeJob
} from '../../../__tests__/testutils';
import { RequestError, STUDIO_UNAVAILABLE } from '../../../api/request';
import { StudioModel } from '../../../model/studio';
import { StudioStatus } from '../status';

let client: FakeClient;
let studio: StudioModel;
const onOpen = jest.fn();

beforeEach(() => {
  client = new FakeClient();
  studio = new StudioModel(client);
  render(
    <StudioStatus
      running={studio.running}
      connection={studio.connection}
      onOpen={onOpen}
    />
  );
});

afterEach(() => studio.dispose());

const refresh = () => act(() => studio.running.refresh());
const button = () => screen.getByRole('button');

describe('StudioStatus', () => {
  it('is not there before it knows anything', () => {
    expect(screen.queryByRole('button')).toBeNull();
  });

  it('says what runs and what it has of the machine', async () => {
    client.jobs = [
      makeJob('a'),
      makeJob('b'),
      makeJob('c', { TrainingJobStatus: 'Completed' })
    ];
    client.served = [makeEndpoint('d')];
    await refresh();
    expect(button().textContent).toBe('2 jobs · CPU 2/4 · 1.5/8 GiB');
    expect(button().title).toContain('1 endpoint in service');
    fireEvent.click(button());
    expect(onOpen).toHaveBeenCalled();
  });

  it('counts who waits, and GPUs where there are some', async () => {
    const status = await client.status();
    jest.spyOn(client, 'status').mockResolvedValue({
      ...status,
      WaitingCount: 1,
      Capacity: { ...status.Capacity, Gpus: 2 },
      Reserved: { ...status.Reserved, Gpus: 1 }
    });
    await refresh();
    expect(button().textContent).toContain('0 jobs · 1 waits · ');
    expect(button().textContent).toContain('GPU 1/2');
  });

  it('says that the studio is away, and why', async () => {
    await refresh();
    client.failure = new RequestError('It is off.', STUDIO_UNAVAILABLE, 503);
    await refresh();
    expect(button().textContent).toBe('Studio away');
    expect(button().title).toBe('It is off.');
  });
});
