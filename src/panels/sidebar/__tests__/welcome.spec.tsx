import { fireEvent, render, screen } from '@testing-library/react';
import React, { act } from 'react';

import { FakeClient, makeJob } from '../../../__tests__/testutils';
import { StudioModel } from '../../../model/studio';
import { Welcome } from '../welcome';

describe('Welcome', () => {
  let client: FakeClient;
  let studio: StudioModel;
  const handlers = {
    onConnect: jest.fn(),
    onOpenNotebook: jest.fn(),
    onQuickstart: jest.fn()
  };
  const refresh = () =>
    act(async () => {
      await studio.trainingJobs.refresh();
      await studio.endpoints.refresh();
    });

  beforeEach(() => {
    client = new FakeClient();
    studio = new StudioModel(client);
    render(<Welcome studio={studio} {...handlers} />);
  });

  afterEach(() => studio.dispose());

  it('waits until it is known that there is nothing', () => {
    expect(screen.queryByRole('button')).toBeNull();
  });

  it.each([
    ['Open the quickstart', 'onQuickstart'],
    ['Open my SageMaker notebook', 'onOpenNotebook'],
    ['Connect to a studio elsewhere', 'onConnect']
  ] as const)('offers: %s', async (name, handler) => {
    await refresh();
    fireEvent.click(screen.getByRole('button', { name }));
    expect(handlers[handler]).toHaveBeenCalled();
  });

  it('goes when there is something to see', async () => {
    await refresh();
    client.jobs = [makeJob('a')];
    await refresh();
    expect(screen.queryByRole('button')).toBeNull();
  });
});
