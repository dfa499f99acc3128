import React, { useEffect, useMemo, useReducer, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

import { formatNumber } from '../components/numbers';
import { onThemeChange, strokeOf, themeColors } from './colors';
import { type ILine, smooth, type XAxis } from './series';

/** How visible a line is behind its smoothed self, as the last two digits of a colour. */
const FAINT = '40';

export interface ILineChartProps {
  lines: readonly ILine[];
  axis: XAxis;
  logarithmic: boolean;
  /** Weight of the smoothing, from 0 up to, not including, 1. */
  smoothing: number;
  /** Charts with the same key share their cursor. */
  group: string;
  height?: number;
}

/** Lines over one axis. Dragging zooms in, a double click out; a zoom outlives new points. */
export function LineChart(props: ILineChartProps): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [theme, redraw] = useReducer((count: number) => count + 1, 0);
  const { axis, group, height = 220, logarithmic, smoothing } = props;
  const labels = JSON.stringify(props.lines.map(line => line.label));
  const data = useMemo(
    () => align(props.lines, smoothing, logarithmic),
    [props.lines, smoothing, logarithmic]
  );
  const latest = useRef(data);
  latest.current = data;
  const smoothed = smoothing > 0;

  useEffect(() => onThemeChange(redraw), []);

  useEffect(() => {
    const node = box.current;
    if (node === null) {
      return;
    }
    const look = { axis, logarithmic, smoothed, group, height };
    const width = node.clientWidth;
    const options = chartOptions(JSON.parse(labels), look, width, node);
    const chart = new uPlot(options, latest.current, node);
    plot.current = chart;
    const observer = new ResizeObserver(() => {
      if (node.clientWidth > 0) {
        chart.setSize({ width: node.clientWidth, height });
      }
    });
    observer.observe(node);
    return () => {
      observer.disconnect();
      plot.current = null;
      chart.destroy();
    };
  }, [labels, axis, logarithmic, smoothed, group, height, theme]);

  useEffect(() => {
    const chart = plot.current;
    if (chart !== null && chart.data !== data) {
      const zoomed = isZoomed(chart);
      chart.setData(data, !zoomed);
      if (zoomed) {
        chart.redraw();
      }
    }
  }, [data]);

  return <div ref={box} className="jp-MLStudio-chart" aria-hidden />;
}

/** All lines over all their places, the raw ones before the smoothed ones. */
function align(
  lines: readonly ILine[],
  smoothing: number,
  logarithmic: boolean
): uPlot.AlignedData {
  const drawable = (y: (number | null)[]) =>
    logarithmic ? y.map(v => (v !== null && v > 0 ? v : null)) : y;
  const tables = lines.map(line => {
    const columns = [drawable(line.y)];
    if (smoothing > 0) {
      columns.push(drawable(smooth(line.y, smoothing)));
    }
    return [line.x, ...columns] as uPlot.AlignedData;
  });
  return tables.length > 0 ? uPlot.join(tables) : [[]];
}

function isZoomed(chart: uPlot): boolean {
  const [xs] = chart.data;
  const { min = -Infinity, max = Infinity } = chart.scales.x ?? {};
  const first = xs[0] ?? -Infinity;
  const last = xs[xs.length - 1] ?? Infinity;
  return min > first || max < last;
}

interface ILook {
  axis: XAxis;
  logarithmic: boolean;
  smoothed: boolean;
  group: string;
  height: number;
}

function chartOptions(
  labels: readonly string[],
  look: ILook,
  width: number,
  node: Element
): uPlot.Options {
  const { text, grid } = themeColors(node);
  const axis = {
    stroke: text,
    grid: { stroke: grid, width: 1 },
    ticks: { stroke: grid, width: 1 }
  };
  const value = (_: uPlot, number: number | null) => formatNumber(number);
  const x = look.axis === 'wall' ? {} : { value };
  return {
    width: Math.max(width, 1),
    height: look.height,
    cursor: { sync: { key: look.group }, focus: { prox: 24 } },
    focus: { alpha: 0.3 },
    scales: {
      x: { time: look.axis === 'wall' },
      y: { distr: look.logarithmic ? 3 : 1 }
    },
    axes: [axis, { ...axis, size: 64 }],
    series: [
      { label: AXIS_LABELS[look.axis], ...x },
      ...labels.flatMap((label, index) => {
        const { color, dash } = strokeOf(index);
        const line = {
          label,
          stroke: color,
          dash: [...dash],
          width: 1.5,
          value
        };
        const raw = {
          stroke: color + FAINT,
          class: 'jp-MLStudio-rawLine',
          points: { show: false }
        };
        const common = { spanGaps: true };
        return look.smoothed
          ? [
              { ...common, ...raw },
              { ...common, ...line }
            ]
          : [{ ...common, ...line }];
      })
    ]
  };
}

/** Short names for the legend; AWS and the field write them so in every language. */
const AXIS_LABELS: Record<XAxis, string> = {
  step: 'step',
  relative: 's',
  wall: 't'
};
