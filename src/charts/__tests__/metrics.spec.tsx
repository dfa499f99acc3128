import { fireEvent, render, screen, within } from '@testing-library/react';
import React from 'react';
import type uPlot from 'uplot';

import type { IMetricSeries } from '../../api/types';
import { MetricCharts } from '../metrics';

/** What the charts that are on the page were last given. */
const plots = new Set<FakePlot>();

/** A chart without a canvas, which jsdom does not have. */
class FakePlot {
  static join = (tables: uPlot.AlignedData[]) => tables.flat();

  constructor(
    readonly options: uPlot.Options,
    public data: unknown
  ) {
    plots.add(this);
  }

  readonly scales = { x: {} };

  setData(data: unknown): void {
    this.data = data;
  }

  destroy(): void {
    plots.delete(this);
  }
}

jest.mock('uplot', () => ({
  __esModule: true,
  get default() {
    return FakePlot;
  }
}));

function series(MetricName: string, Values: number[]): IMetricSeries {
  return {
    MetricName,
    Values,
    Steps: Values.map((_, step) => step),
    Times: Values.map((_, step) => 1000 + 2 * step)
  };
}

const measured = [
  series('train:rmse', [3, 0, 1.23456]),
  series('validation:rmse', [4, 2, 2]),
  series('epoch', [0, 1, 2])
];

beforeAll(() => {
  window.ResizeObserver = class {
    observe(): void {}
    unobserve(): void {}
    disconnect(): void {}
  };
});

function drawn(): FakePlot[] {
  return [...plots];
}

describe('MetricCharts', () => {
  it('draws a chart for each kind of metric, and says the same in a table', () => {
    render(<MetricCharts series={measured} />);
    expect(drawn()).toHaveLength(2);
    expect(drawn()[0]?.options.series.map(each => each.label)).toEqual([
      'step',
      'train:rmse',
      'validation:rmse'
    ]);
    const figure = screen.getByRole('figure', { name: 'rmse' });
    const row = within(figure).getByRole('row', {
      name: /train:rmse/,
      hidden: true
    });
    expect(row.textContent).toBe('train:rmse1.23503');
  });

  it('puts one cursor into all charts', () => {
    render(<MetricCharts series={measured} />);
    const keys = drawn().map(plot => plot.options.cursor?.sync?.key);
    expect(new Set(keys).size).toBe(1);
  });

  it('leaves out of a logarithmic chart what has no logarithm', () => {
    render(<MetricCharts series={measured} />);
    fireEvent.click(screen.getByRole('checkbox', { name: 'Logarithmic' }));
    expect(drawn()[0]?.options.scales?.y?.distr).toBe(3);
    expect((drawn()[0]?.data as unknown[])[1]).toEqual([3, null, 1.23456]);
  });

  it('keeps the raw line behind the smoothed one', () => {
    render(<MetricCharts series={measured} />);
    fireEvent.change(screen.getByRole('slider'), { target: { value: '0.5' } });
    expect(drawn()[0]?.options.series).toHaveLength(5);
    const [, raw, smoothed] = drawn()[0]?.data as number[][];
    expect(raw).toEqual([3, 0, 1.23456]);
    expect(smoothed?.[1]).toBeCloseTo(1);
  });

  it('counts steps, seconds or the time of day', () => {
    render(<MetricCharts series={measured} />);
    fireEvent.change(screen.getByRole('combobox'), {
      target: { value: 'relative' }
    });
    expect((drawn()[0]?.data as unknown[])[0]).toEqual([0, 2, 4]);
    fireEvent.change(screen.getByRole('combobox'), {
      target: { value: 'wall' }
    });
    expect(drawn()[0]?.options.scales?.x?.time).toBe(true);
  });

  it('draws new points into the chart there is', () => {
    const { rerender } = render(<MetricCharts series={measured} />);
    const [before] = drawn();
    rerender(<MetricCharts series={[series('train:rmse', [3, 0, 1, 9])]} />);
    rerender(<MetricCharts series={[series('train:rmse', [3, 0, 1, 9, 8])]} />);
    expect(drawn()).toHaveLength(1);
    expect((drawn()[0]?.data as unknown[])[1]).toEqual([3, 0, 1, 9, 8]);
    expect(drawn()[0]).not.toBe(before);
  });
});
