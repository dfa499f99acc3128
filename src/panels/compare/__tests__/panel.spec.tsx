import { fireEvent, render, screen, within } from '@testing-library/react';
import React, { act } from 'react';
import type uPlot from 'uplot';

import { FakeClient } from '../../../__tests__/testutils';
import { RequestError, STUDIO_UNAVAILABLE } from '../../../api/request';
import { StudioModel } from '../../../model/studio';
import { Highlight } from '../highlight';
import { CompareModel } from '../model';
import { ComparePanel } from '../panel';
import { type IView, NEW_VIEW } from '../view';

/** Charts without a canvas, which jsdom does not have. */
class FakePlot {
  static instances: FakePlot[] = [];
  static rangeNum = (min: number, max: number) => [min, max];

  constructor(
    readonly options: uPlot.Options,
    public data: unknown
  ) {
    this.series = options.series;
    FakePlot.instances.push(this);
  }

  readonly series: uPlot.Series[];
  readonly cursor = {};
  readonly setSize = jest.fn();
  readonly setSeries = jest.fn();
  readonly setScale = jest.fn();

  batch(change: () => void): void {
    change();
  }

  setData(data: unknown): void {
    this.data = data;
  }

  destroy(): void {}
}

jest.mock('uplot', () => ({
  __esModule: true,
  get default() {
    return FakePlot;
  }
}));

/** Width and height of everything in jsdom, which lays nothing out, in pixels. */
const SIZE = { Width: 900, Height: 140 };

interface IFakeRun {
  name: string;
  status?: string;
  parameters?: Record<string, string>;
  metrics?: Record<string, number[]>;
}

/** A client that knows runs. */
class RunsClient extends FakeClient {
  runs: IFakeRun[] = [];

  override async call<T>(
    service: string,
    operation: string,
    params: Record<string, unknown>
  ): Promise<T> {
    await super.call(service, operation, params);
    const names = params.TrialComponentNames as string[] | undefined;
    const byName = new Map(this.runs.map(run => [run.name, run]));
    const runs = names
      ? names.flatMap(name => byName.get(name) ?? [])
      : this.runs;
    switch (operation) {
      case 'GetRunTable':
        return this._table(runs, params) as T;
      case 'ListRunMetricNames':
        return { MetricNames: this._metrics(runs) } as T;
      case 'GetRunMetrics':
        return {
          Metrics: (params.MetricNames as string[]).map(name => {
            const fold = (choose: (values: number[]) => number | undefined) =>
              doubles(
                runs.map(run => choose(run.metrics?.[name] ?? []) ?? NaN)
              );
            return {
              MetricName: name,
              Last: fold(values => values[values.length - 1]),
              Minima: fold(values => Math.min(...values)),
              Maxima: fold(values => Math.max(...values))
            };
          })
        } as T;
      case 'GetRunSeries':
        return {
          Series: runs.flatMap(run => {
            const values = run.metrics?.[String(params.MetricName)];
            const steps = values?.map((_, step) => step) ?? [];
            return values
              ? {
                  TrialComponentName: run.name,
                  Count: values.length,
                  Origin: 0,
                  Steps: doubles(steps),
                  Times: doubles(steps),
                  Values: doubles(values)
                }
              : [];
          })
        } as T;
      default:
        return {} as T;
    }
  }

  private _metrics(runs: IFakeRun[]): string[] {
    return [
      ...new Set(runs.flatMap(run => Object.keys(run.metrics ?? {})))
    ].sort();
  }

  private _table(runs: IFakeRun[], params: Record<string, unknown>) {
    const names = [
      ...new Set(runs.flatMap(run => Object.keys(run.parameters ?? {})))
    ].sort();
    const valuesOf = (name: string) =>
      runs.map(run => run.parameters?.[name] ?? null);
    const times = doubles(runs.map(() => 1000));
    return {
      Runs: {
        TrialComponentNames: runs.map(run => run.name),
        DisplayNames: runs.map(run => run.name),
        TrialComponentArns: runs.map(run => `arn:${run.name}`),
        SourceArns: runs.map(() => ''),
        Statuses: runs.map(run => run.status ?? 'Completed'),
        CreationTimes: times,
        StartTimes: times,
        EndTimes: times
      },
      Truncated: false,
      ParameterSummaries: names.map(name => ({
        ParameterName: name,
        RunCount: valuesOf(name).filter(value => value !== null).length,
        ValueCount: new Set(valuesOf(name).filter(value => value !== null)).size
      })),
      Parameters: ((params.ParameterNames ?? []) as string[]).map(name => {
        const texts = [...new Set(valuesOf(name))].filter(
          value => value !== null
        );
        return {
          ParameterName: name,
          Texts: texts,
          Codes: packed(
            Int32Array.from(valuesOf(name), value => texts.indexOf(value ?? ''))
          )
        };
      })
    };
  }
}

function doubles(values: number[]): string {
  return packed(Float64Array.from(values));
}

function packed(numbers: Float64Array | Int32Array): string {
  return Buffer.from(numbers.buffer).toString('base64');
}

let client: RunsClient;
let studio: StudioModel;
let model: CompareModel;
const handlers = {
  onAddMenu: jest.fn(),
  onColumnMenu: jest.fn(),
  onMoreMenu: jest.fn(),
  onOpen: jest.fn(),
  onPictureMenu: jest.fn(),
  onRunMenu: jest.fn(),
  onStart: jest.fn(async () => undefined)
};

beforeAll(() => {
  window.ResizeObserver = class {
    observe(): void {}
    unobserve(): void {}
    disconnect(): void {}
  };
  for (const [side, size] of Object.entries(SIZE)) {
    for (const kind of ['client', 'offset']) {
      Object.defineProperty(HTMLElement.prototype, kind + side, {
        configurable: true,
        get: () => size
      });
    }
  }
});

beforeEach(() => {
  jest.clearAllMocks();
  FakePlot.instances = [];
  client = new RunsClient();
  studio = new StudioModel(client);
});

afterEach(() => {
  model.dispose();
  studio.dispose();
});

async function show(view: Partial<IView> = {}): Promise<void> {
  model = new CompareModel(studio, { ...NEW_VIEW, ...view });
  render(
    <ComparePanel model={model} highlight={new Highlight()} {...handlers} />
  );
  await act(() => model.refresh());
}

async function settle(): Promise<void> {
  await act(() => new Promise(done => setTimeout(done, 150)));
}

const THREE: IFakeRun[] = [
  {
    name: 'a',
    parameters: { eta: '0.1', seed: '7' },
    metrics: { auc: [0.5, 0.9] }
  },
  {
    name: 'b',
    parameters: { eta: '0.2', seed: '7' },
    metrics: { auc: [0.4, 0.7] }
  },
  { name: 'c', parameters: { eta: '0.1', seed: '7' }, status: 'Failed' }
];

function rowNames(): string[] {
  return within(screen.getByRole('table', { name: '' }))
    .getAllByRole('rowheader')
    .map(header => header.textContent ?? '');
}

describe('ComparePanel', () => {
  it('shows that it loads, and teaches when there is nothing', async () => {
    model = new CompareModel(studio);
    const { unmount } = render(
      <ComparePanel model={model} highlight={new Highlight()} {...handlers} />
    );
    expect(screen.getByRole('status', { name: 'Loading' })).toBeTruthy();
    unmount();
    model.dispose();
    await show();
    expect(screen.getByText(/create_training_job/)).toBeTruthy();
  });

  it('says why it cannot be loaded', async () => {
    client.failure = new RequestError('gone', STUDIO_UNAVAILABLE, 503);
    await show();
    expect(screen.getByRole('alert').textContent).toContain('gone');
    fireEvent.click(screen.getByRole('button', { name: 'Start the studio' }));
    expect(handlers.onStart).toHaveBeenCalled();
  });

  it('says when the runs are gone, and when none is like that', async () => {
    client.runs = THREE;
    await show({ runs: ['other'] });
    expect(screen.getByText(/None of these runs/)).toBeTruthy();
    await act(async () => model.update({ runs: null, filter: 'nobody' }));
    await settle();
    expect(screen.getByText('No run is like that.')).toBeTruthy();
  });

  it('has what tells runs apart as columns, and their metrics', async () => {
    client.runs = THREE;
    await show({ baseline: 'b', charts: [] });
    await settle();
    const header = (name: string) =>
      screen.queryByRole('columnheader', { name: new RegExp(`^${name}`) });
    expect(header('eta')).toBeTruthy();
    expect(header('seed')).toBeNull();
    const [, a] = screen.getAllByRole('row');
    expect(a?.textContent).toContain('0.9');
    expect(a?.textContent).toContain('+0.2');
    expect(
      within(a as HTMLElement).getByTitle('Better than the baseline')
    ).toBeTruthy();
    await act(async () =>
      model.update({ columns: ['p:seed', 'p:eta'], differences: true })
    );
    expect(header('seed')).toBeNull();
  });

  it('draws only what is in sight of 10 000 runs and 1000 columns', async () => {
    const metrics = Object.fromEntries(
      Array.from({ length: 1000 }, (_, index) => [`m${index}`, [index]])
    );
    client.runs = Array.from({ length: 10_000 }, (_, index) => ({
      name: `run-${index}`,
      metrics: index === 0 ? metrics : {}
    }));
    await show({ charts: [] });
    await act(async () =>
      model.update({ columns: Object.keys(metrics).map(name => `m:${name}`) })
    );
    await settle();
    const table = document.querySelector('table') as HTMLElement;
    expect(table.getAttribute('aria-rowcount')).toBe('10001');
    expect(table.getAttribute('aria-colcount')).toBe('1001');
    // Asking for roles takes seconds where there is much of them.
    expect(table.querySelectorAll('tr').length).toBeLessThan(40);
    expect(table.querySelectorAll('thead th').length).toBeLessThan(20);
    const asked = client.calls
      .filter(([operation]) => operation === 'GetRunMetrics')
      .flatMap(([, params]) => params.MetricNames as string[]);
    expect(asked.length).toBeLessThan(100);
    expect(screen.getByText('10000 runs')).toBeTruthy();
  }, 60_000);

  it('sorts, and takes that back', async () => {
    client.runs = THREE;
    await show({ charts: [] });
    await settle();
    const auc = screen.getByRole('columnheader', { name: /^auc/ });
    const [sort] = within(auc).getAllByRole('button');
    fireEvent.click(sort as HTMLElement);
    expect(auc.getAttribute('aria-sort')).toBe('descending');
    expect(rowNames()).toEqual(['a', 'b', 'c']);
    fireEvent.click(sort as HTMLElement);
    expect(rowNames()).toEqual(['b', 'a', 'c']);
    act(() => model.undo());
    expect(auc.getAttribute('aria-sort')).toBe('descending');
    act(() => model.redo());
    expect(auc.getAttribute('aria-sort')).toBe('ascending');
  });

  it('groups, and closes groups', async () => {
    client.runs = THREE;
    await show({ charts: [], groups: ['p:eta'] });
    await settle();
    const group = screen.getByRole('button', { name: 'eta = 0.1 2 runs' });
    expect(group.getAttribute('aria-expanded')).toBe('true');
    expect(screen.getByText('⌀ 0.9')).toBeTruthy();
    fireEvent.click(group);
    expect(screen.queryByRole('button', { name: 'Open a' })).toBeNull();
    fireEvent.click(screen.getByTitle('Do not group by eta'));
    expect(screen.getByRole('button', { name: 'Open a' })).toBeTruthy();
  });

  it('draws the lines of the runs that are checked', async () => {
    client.runs = THREE;
    await show();
    const [watch] = [model.watch()];
    await settle();
    const last = () => FakePlot.instances[FakePlot.instances.length - 1];
    expect(last()?.options.series.map(each => each.label)).toEqual([
      undefined,
      'a',
      'b'
    ]);
    fireEvent.click(screen.getByRole('checkbox', { name: 'Draw b' }));
    await settle();
    expect(model.drawn).toEqual(['a', 'c']);
    expect(last()?.options.series.map(each => each.label)).toEqual([
      undefined,
      'a'
    ]);
    watch.dispose();
  });

  it('opens menus for runs, columns and charts', async () => {
    client.runs = THREE;
    await show();
    await settle();
    const press = (name: string) =>
      fireEvent.click(screen.getByRole('button', { name }));
    press('What to do with a');
    expect(handlers.onRunMenu).toHaveBeenCalledWith('a', expect.anything());
    press('What to do with column eta');
    expect(handlers.onColumnMenu).toHaveBeenCalledWith(
      'p:eta',
      expect.anything()
    );
    press('Save the chart of auc');
    expect(handlers.onPictureMenu).toHaveBeenCalledWith(
      0,
      'auc',
      expect.anything()
    );
    press('Remove the chart of auc');
    expect(model.charts).toEqual([]);
  });

  it('finds columns by an expression', async () => {
    client.runs = THREE;
    await show({ charts: [] });
    const chooser = screen.getByText('Columns', { selector: 'summary' })
      .parentElement as HTMLDetailsElement;
    chooser.open = true;
    fireEvent(chooser, new Event('toggle'));
    fireEvent.change(screen.getByRole('searchbox', { name: 'Find columns' }), {
      target: { value: '/^s(eed|tatus)$/' }
    });
    fireEvent.click(screen.getByRole('checkbox', { name: 'seed' }));
    expect(model.view.columns).toContain('p:seed');
    expect(screen.queryByRole('checkbox', { name: 'eta' })).toBeNull();
    fireEvent.click(screen.getByRole('button', { name: 'Hide 2' }));
    expect(model.view.columns).not.toContain('status');
  });
});

describe('CompareModel', () => {
  it('gives runs looks of their own that stay', async () => {
    client.runs = THREE;
    await show({ charts: [], strokes: { b: 0 } });
    expect([model.strokeOf('a'), model.strokeOf('b')]).toEqual([1, 0]);
    expect(model.strokeOf('a')).toBe(1);
    expect(model.snapshot().strokes).toEqual({ a: 1, b: 0, c: 2 });
  });

  it('keeps only what the filter finds', async () => {
    client.runs = THREE;
    await show({ charts: [], filter: 'eta=0.1' });
    await settle();
    act(() => model.keepFiltered());
    expect(model.view.runs).toEqual(['a', 'c']);
    expect(model.view.filter).toBe('');
    await settle();
    expect(await model.otherRuns()).toEqual(['b']);
  });

  it('keeps a note as a parameter of the run', async () => {
    client.runs = THREE;
    await show({ charts: [] });
    await act(() => model.annotate('a', ' too\nwild '));
    expect(client.calls).toContainEqual([
      'UpdateTrialComponent',
      {
        TrialComponentName: 'a',
        Parameters: { 'mlstudio.note': { StringValue: 'too wild' } }
      }
    ]);
    await act(() => model.annotate('a', ''));
    expect(client.calls).toContainEqual([
      'UpdateTrialComponent',
      { TrialComponentName: 'a', ParametersToRemove: ['mlstudio.note'] }
    ]);
  });

  it('moves columns', async () => {
    client.runs = THREE;
    await show({ charts: [], columns: ['p:eta', 'm:auc', 'status'] });
    act(() => model.moveColumn('status', -1));
    expect(model.columns).toEqual(['p:eta', 'status', 'm:auc']);
    act(() => model.moveColumn('p:eta', -1));
    expect(model.columns).toEqual(['p:eta', 'status', 'm:auc']);
  });
});
