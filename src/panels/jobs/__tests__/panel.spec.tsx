import { fireEvent, render, screen, within } from '@testing-library/react';
import React, { act } from 'react';

import { FakeClient, makeJob } from '../../../__tests__/testutils';
import { RequestError, STUDIO_UNAVAILABLE } from '../../../api/request';
import { JobTableModel } from '../../../model/jobtable';
import { StudioModel } from '../../../model/studio';
import { JobsPanel } from '../panel';

/** Height of everything in jsdom, which lays nothing out, in pixels. */
const HEIGHT = 280;

let client: FakeClient;
let studio: StudioModel;
let model: JobTableModel;
const handlers = {
  onCompare: jest.fn(),
  onChoose: jest.fn(),
  onClone: jest.fn(),
  onDelete: jest.fn(),
  onOpen: jest.fn(),
  onStart: jest.fn(async () => undefined),
  onStop: jest.fn()
};

beforeAll(() => {
  window.ResizeObserver = class {
    observe(): void {}
    unobserve(): void {}
    disconnect(): void {}
  };
  for (const side of ['clientHeight', 'clientWidth']) {
    Object.defineProperty(HTMLElement.prototype, side, {
      configurable: true,
      get: () => HEIGHT
    });
  }
});

beforeEach(() => {
  jest.clearAllMocks();
  client = new FakeClient();
  studio = new StudioModel(client);
  model = new JobTableModel(studio);
});

afterEach(() => {
  model.dispose();
  studio.dispose();
});

async function show(choice: Record<string, boolean> = {}): Promise<void> {
  render(<JobsPanel model={model} choice={choice} {...handlers} />);
  await act(() => model.refresh());
}

const finished = (name: string) =>
  makeJob(name, {
    TrainingJobStatus: 'Completed',
    FinalMetricDataList: [
      { MetricName: 'accuracy', Value: 0.912345, Timestamp: new Date() }
    ],
    ...{ HyperParameters: { eta: '0.30' } }
  });

function table(): HTMLElement {
  return screen.getByRole('table');
}

describe('JobsPanel', () => {
  it('shows that it loads', () => {
    render(<JobsPanel model={model} choice={{}} {...handlers} />);
    expect(screen.getByRole('status', { name: 'Loading' })).toBeTruthy();
  });

  it('teaches when there is nothing yet', async () => {
    await show();
    expect(screen.getByText(/create_training_job/)).toBeTruthy();
  });

  it('says when nothing is like that', async () => {
    client.records = [makeJob('a')];
    await show();
    await act(() => model.search({ status: 'Failed' }));
    expect(screen.getByText('No training job is like that.')).toBeTruthy();
  });

  it('says why it cannot be loaded', async () => {
    client.failure = new RequestError('gone', STUDIO_UNAVAILABLE, 503);
    await show();
    expect(screen.getByRole('alert').textContent).toContain('gone');
    fireEvent.click(screen.getByRole('button', { name: 'Start the studio' }));
    expect(handlers.onStart).toHaveBeenCalled();
  });

  it('draws only the rows in sight of ten thousand', async () => {
    client.pageSize = 10_000;
    client.records = Array.from({ length: 10_000 }, (_, index) =>
      makeJob(`job-${index}`)
    );
    await show();
    expect(table().getAttribute('aria-rowcount')).toBe('10001');
    const rows = within(table()).getAllByRole('row');
    expect(rows.length).toBeLessThan(60);
    expect(rows[1]?.getAttribute('aria-rowindex')).toBe('2');
    expect(screen.getByText('10000 jobs')).toBeTruthy();
  });

  it('has metrics as columns, and hyperparameters for whoever wants them', async () => {
    client.records = [finished('good'), makeJob('busy')];
    await show();
    expect(
      within(table()).getByRole('columnheader', { name: 'accuracy' })
    ).toBeTruthy();
    expect(within(table()).getByTitle('0.912345').textContent).toBe('0.9123');
    expect(
      within(table()).queryByRole('columnheader', { name: 'eta' })
    ).toBeNull();
    fireEvent.click(
      screen.getByRole('checkbox', { name: 'eta', hidden: true })
    );
    expect(within(table()).getByTitle('0.30').textContent).toBe('0.30');
    expect(handlers.onChoose).toHaveBeenCalledWith({
      'HyperParameters.eta': true
    });
  });

  it('remembers which columns were chosen', async () => {
    client.records = [finished('good')];
    await show({ 'Metrics.accuracy': false });
    expect(
      within(table()).queryByRole('columnheader', { name: 'accuracy' })
    ).toBeNull();
  });

  it('sorts on the server, one way and the other', async () => {
    client.records = [finished('good')];
    await show();
    const header = () =>
      within(table()).getByRole('columnheader', { name: 'accuracy' });
    await act(async () => {
      fireEvent.click(within(header()).getByRole('button'));
    });
    expect(client.queries.pop()).toMatchObject({
      sort: 'Metrics.accuracy',
      descending: true
    });
    expect(header().getAttribute('aria-sort')).toBe('descending');
    await act(async () => {
      fireEvent.click(within(header()).getByRole('button'));
    });
    expect(header().getAttribute('aria-sort')).toBe('ascending');
  });

  it('compares, stops and deletes what is selected and can be', async () => {
    client.records = [finished('good'), makeJob('busy')];
    await show();
    const stop = screen.getByRole('button', { name: 'Stop' });
    expect((stop as HTMLButtonElement).disabled).toBe(true);
    fireEvent.click(
      screen.getByRole('checkbox', { name: /Select all training jobs/ })
    );
    fireEvent.click(screen.getByRole('button', { name: 'Compare' }));
    expect(handlers.onCompare).toHaveBeenCalledWith(['good', 'busy']);
    fireEvent.click(stop);
    expect(handlers.onStop).toHaveBeenCalledWith(['busy']);
    fireEvent.click(screen.getByRole('button', { name: 'Delete' }));
    expect(handlers.onDelete).toHaveBeenCalledWith(['good']);
  });

  it('clones the one that is selected', async () => {
    client.records = [finished('good'), makeJob('busy')];
    await show();
    const clone = screen.getByRole('button', { name: 'Clone' });
    expect((clone as HTMLButtonElement).disabled).toBe(true);
    fireEvent.click(screen.getByRole('checkbox', { name: 'Select good' }));
    fireEvent.click(clone);
    expect(handlers.onClone).toHaveBeenCalledWith('good');
    fireEvent.click(screen.getByRole('checkbox', { name: 'Select busy' }));
    expect((clone as HTMLButtonElement).disabled).toBe(true);
  });

  it('opens a job', async () => {
    client.records = [makeJob('busy')];
    await show();
    fireEvent.click(
      screen.getByRole('button', { name: 'Open training job busy' })
    );
    expect(handlers.onOpen).toHaveBeenCalledWith('busy');
  });

  it('searches a moment after the last key', async () => {
    client.records = [makeJob('busy')];
    await show();
    fireEvent.change(screen.getByRole('searchbox'), {
      target: { value: 'other' }
    });
    await act(() => new Promise(done => setTimeout(done, 400)));
    expect(client.queries.pop()?.text).toBe('other');
  });
});
