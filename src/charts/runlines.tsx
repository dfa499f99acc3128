import React, { useEffect, useMemo, useReducer, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

import { formatNumber } from '../components/numbers';
import { type IStroke, onThemeChange, themeColors } from './colors';
import { align, type AlignedLines, extent, type IPlotLine } from './lines';

/** How visible a line is behind its smoothed self, and a band around its mean. */
const FAINT = '40';
const BAND = '30';

/** How much of what is seen a key moves by. */
const STEP = 0.25;

/** What lines look like and how they are placed. */
export interface ILinesLook {
  logX: boolean;
  logY: boolean;
  /** Whether places are seconds since 1970. */
  time: boolean;
  /** The values that are seen; null for all. */
  range: readonly [number, number] | null;
}

export interface IRunLinesProps extends ILinesLook {
  lines: readonly IPlotLine[];
  /** Lines behind these, such as these before they were smoothed. */
  faint: readonly IPlotLine[];
  /** Whether lowest and highest values are drawn as bands. */
  bands: boolean;
  strokeOf: (key: string) => IStroke;
  /** The part that is looked at; null for all. */
  window: readonly [number, number] | null;
  onZoom: (window: readonly [number, number] | null) => void;
  /** The line that is pointed at, here or elsewhere. */
  highlight: IHighlight;
  label: string;
  /** Charts with the same key share their cursor. */
  group: string;
  height?: number;
}

/** What the pointer is on, wherever it is. */
export interface IHighlight {
  run: string | null;
  readonly changed: {
    connect(slot: () => void): boolean;
    disconnect(slot: () => void): boolean;
  };
}

/**
 * Many lines over one axis. Dragging zooms in, a double click out; so do the keys + and -, arrows
 * move, and Escape shows all.
 */
export function RunLines(props: IRunLinesProps): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const [theme, redraw] = useReducer((count: number) => count + 1, 0);
  const { bands, faint, height = 240, lines, logX, logY, time, window } = props;
  const cells = Math.max(200, Math.min(2000, box.current?.clientWidth ?? 600));
  const data = useMemo(
    () => tableOf(faint, lines, bands, cells, logX, logY),
    [faint, lines, bands, cells, logX, logY]
  );
  const drawn = useRef(data);
  drawn.current = data;
  const keys = JSON.stringify([
    faint.map(line => line.key),
    lines.map(line => line.key)
  ]);
  const whole = useMemo(
    () => extent([...faint, ...lines], logX),
    [faint, lines, logX]
  );
  const seen = window ?? whole;
  const span = useRef(seen);
  span.current = seen;

  useEffect(() => onThemeChange(redraw), []);

  useEffect(() => {
    const node = box.current;
    if (node === null) {
      return;
    }
    const options = optionsOf(latest, span, node, height);
    const chart = new uPlot(options, drawn.current, node);
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
  }, [keys, bands, logX, logY, time, height, theme]);

  const [start, end] = seen;
  const range = JSON.stringify(props.range);
  useEffect(() => {
    const chart = plot.current;
    if (chart !== null) {
      chart.batch(() => {
        if (chart.data !== data) {
          chart.setData(data, false);
        }
        chart.setScale('x', { min: start, max: end });
      });
    }
  }, [data, start, end, range]);

  const { highlight } = props;
  useEffect(() => {
    const light = () => {
      const chart = plot.current;
      if (chart !== null) {
        focus(chart, latest.current, highlight.run);
      }
    };
    highlight.changed.connect(light);
    return () => {
      highlight.changed.disconnect(light);
    };
  }, [highlight]);

  return (
    <div
      ref={box}
      className="jp-MLStudio-chart"
      role="group"
      tabIndex={0}
      aria-label={props.label}
      onKeyDown={event => {
        const moved = moveBy(event.key, seen, whole);
        if (moved !== undefined) {
          event.preventDefault();
          event.stopPropagation();
          props.onZoom(moved);
        }
      }}
    />
  );
}

/** The window after a key was pressed: null for all, undefined where the key means nothing. */
export function moveBy(
  key: string,
  [start, end]: readonly [number, number],
  whole: readonly [number, number]
): readonly [number, number] | null | undefined {
  const step = (end - start) * STEP;
  const moves: Record<string, readonly [number, number] | null> = {
    '+': [start + step, end - step],
    '=': [start + step, end - step],
    '-': [start - step, end + step],
    ArrowLeft: [start - step, end - step],
    ArrowRight: [start + step, end + step],
    Escape: null
  };
  const moved = moves[key];
  if (moved === null || moved === undefined) {
    return moved;
  }
  const isAll = moved[0] <= whole[0] && moved[1] >= whole[1];
  return isAll ? null : moved;
}

/** The columns of a chart: the faint lines, the lines, and the bounds of their bands. */
function tableOf(
  faint: readonly IPlotLine[],
  lines: readonly IPlotLine[],
  bands: boolean,
  cells: number,
  logX: boolean,
  logY: boolean
): AlignedLines {
  const plain = (line: IPlotLine, y: readonly number[]) => ({
    key: line.key,
    x: line.x,
    y
  });
  const bounds = bands
    ? lines.flatMap(line => [
        plain(line, line.low ?? line.y),
        plain(line, line.high ?? line.y)
      ])
    : [];
  const drawn = bands ? lines.map(line => plain(line, line.y)) : lines;
  const table = align([...faint, ...drawn, ...bounds], cells, logX);
  if (!logY && !logX) {
    return table;
  }
  const [x, ...columns] = table;
  return [
    x,
    ...columns.map(column =>
      column.map((y, index) =>
        (logY && !(y !== null && y > 0)) || (logX && !((x[index] ?? 0) > 0))
          ? null
          : y
      )
    )
  ];
}

function yRange(
  min: number | null,
  max: number | null,
  logarithmic: boolean,
  range: readonly [number, number] | null
): uPlot.Range.MinMax {
  if (range !== null && !(logarithmic && range[0] <= 0)) {
    return [range[0], range[1]];
  }
  if (min === null || max === null) {
    return logarithmic ? [1, 10] : [0, 1];
  }
  return logarithmic
    ? uPlot.rangeLog(min, max, 10, false)
    : uPlot.rangeNum(min, max, 0.1, true);
}

function focus(chart: uPlot, props: IRunLinesProps, key: string | null): void {
  const index = props.lines.findIndex(line => line.key === key);
  const series = index < 0 ? null : 1 + props.faint.length + index;
  if (series === null || series < chart.series.length) {
    chart.setSeries(series, { focus: true });
  }
}

function optionsOf(
  latest: { readonly current: IRunLinesProps },
  span: { readonly current: readonly [number, number] },
  node: Element,
  height: number
): uPlot.Options {
  const { bands, faint, group, lines, logX, logY, strokeOf, time } =
    latest.current;
  const { text, grid } = themeColors(node);
  const axis = {
    stroke: text,
    grid: { stroke: grid, width: 1 },
    ticks: { stroke: grid, width: 1 }
  };
  const first = 1 + faint.length;
  const bounds = first + lines.length;
  const hidden = { spanGaps: true, points: { show: false } };
  return {
    width: Math.max(node.clientWidth, 1),
    height,
    legend: { show: false },
    cursor: {
      sync: { key: group },
      focus: { prox: 24 },
      points: { show: false },
      bind: {
        dblclick: () => () => {
          latest.current.onZoom(null);
          return null;
        }
      }
    },
    focus: { alpha: 0.15 },
    scales: {
      x: {
        time,
        distr: logX ? 3 : 1,
        range: () => [span.current[0], span.current[1]]
      },
      y: {
        distr: logY ? 3 : 1,
        range: (_, min, max) => yRange(min, max, logY, latest.current.range)
      }
    },
    axes: [
      axis,
      { ...axis, size: 64, values: (_, splits) => splits.map(formatNumber) }
    ],
    series: [
      {},
      ...faint.map(line => ({
        ...hidden,
        stroke: strokeOf(line.key).color + FAINT,
        width: 1
      })),
      ...lines.map(line => {
        const { color, dash } = strokeOf(line.key);
        return {
          ...hidden,
          label: line.key,
          stroke: color,
          dash: [...dash],
          width: 1.5,
          // A line of one point is a point.
          points: { show: line.x.length < 3, stroke: color, fill: color }
        };
      }),
      ...(bands ? lines.flatMap(() => [hidden, hidden]) : [])
    ],
    bands: bands
      ? lines.map((line, index) => ({
          series: [bounds + 2 * index + 1, bounds + 2 * index],
          fill: strokeOf(line.key).color + BAND
        }))
      : [],
    hooks: {
      setSelect: [
        chart => {
          const { left, width } = chart.select;
          if (width > 0) {
            const [start, end] = [left, left + width].map(place =>
              chart.posToVal(place, 'x')
            );
            latest.current.onZoom([start ?? 0, end ?? 0]);
          }
        }
      ],
      setSeries: [
        (chart, index) => {
          const { highlight } = latest.current;
          const key = index === null ? null : lines[index - first]?.key;
          // Only the chart that the pointer is on says what it is on.
          if (chart.cursor.event && key !== undefined) {
            highlight.run = key;
          }
        }
      ]
    }
  };
}
