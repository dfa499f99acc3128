import { Button } from '@jupyterlab/ui-components';
import React, { useCallback, useEffect, useMemo, useState } from 'react';

import type { ICurve } from '../../api/runs';
import { type IStroke, strokeOf } from '../../charts/colors';
import {
  bandOf,
  clipRange,
  gaussian,
  type IPlotLine,
  lineOf,
  lineOver,
  running
} from '../../charts/lines';
import { drawLines } from '../../charts/linepicture';
import { SvgPen } from '../../charts/pen';
import { RunLines } from '../../charts/runlines';
import { smooth } from '../../charts/series';
import { formatNumber } from '../../components/numbers';
import { Trouble } from '../../components/states';
import { useTrans } from '../../components/translation';
import { useRemote } from '../../components/useremote';
import { METRIC } from './columns';
import { CurvesModel } from './curves';
import type { Highlight } from './highlight';
import type { CompareModel } from './model';
import { pictureColors, usePicture } from './pictures';
import { groupBy } from './rows';
import { shortName, Swatch } from './table';
import type { ILinesView } from './view';

/** Width and height of a picture in pixels. */
const PICTURE = [900, 360] as const;

/** Widest smoothing, in points. */
const WIDEST = 100;

export interface IChartProps<T> {
  model: CompareModel;
  view: T;
  highlight: Highlight;
  onChange: (change: Partial<T>) => void;
  onStart: () => Promise<void>;
}

/** The lines of a metric of the runs that are drawn. */
export function LinesChart(props: IChartProps<ILinesView>): JSX.Element {
  const trans = useTrans();
  const { model, view } = props;
  const over = view.x.startsWith(METRIC) ? view.x.slice(METRIC.length) : null;
  const curves = useMemo(
    () => new CurvesModel(model, view.metric, over),
    [model, view.metric, over]
  );
  useEffect(() => {
    const watch = model.accompany(curves);
    return () => {
      watch.dispose();
      curves.dispose();
    };
  }, [model, curves]);
  useRemote(curves);
  const [window, setWindow] = useState<readonly [number, number] | null>(null);
  useEffect(() => setWindow(null), [view.x]);
  const { shown, value } = curves;
  const lines = useMemo(
    () => linesOfCurves(shown, value?.over ?? [], view),
    [shown, value, view]
  );
  const { groups } = model.view;
  const grouped = useMemo(
    () => (view.bands ? bandsOf(model, lines) : null),
    [view.bands, model, lines, groups]
  );
  const drawn = grouped ?? lines;
  const smoothed = useMemo(
    () => drawn.map(line => smoothLine(line, view)),
    [drawn, view]
  );
  const range = useMemo(
    () => (view.clip ? clipRange(drawn) : null),
    [view.clip, drawn]
  );
  const zoom = (next: readonly [number, number] | null) => {
    setWindow(next);
    const axis = AXES[view.x];
    curves.zoom(
      next === null || axis === undefined
        ? null
        : { axis, start: next[0], end: next[1] }
    );
  };
  const isWeighty = view.weight > 0;
  usePicture(
    useCallback(() => {
      const pen = new SvgPen(...PICTURE, 'sans-serif');
      const picture = {
        title: view.metric,
        lines: smoothed,
        strokeOf: (key: string) => stroke(model, key, grouped),
        nameOf: (key: string) => shortName(key.replace(BAND, '')),
        logX: view.logX,
        logY: view.logY
      };
      drawLines(pen, picture, ...PICTURE, pictureColors());
      return pen.toString();
    }, [smoothed, grouped, view, model])
  );
  return (
    <>
      {curves.error && (
        <Trouble
          error={curves.error}
          onRetry={() => curves.refresh()}
          onStart={props.onStart}
        />
      )}
      <RunLines
        lines={isWeighty ? smoothed : drawn}
        faint={isWeighty && !grouped ? drawn : NONE}
        bands={grouped !== null}
        strokeOf={key => stroke(model, key, grouped)}
        logX={view.logX}
        logY={view.logY}
        time={view.x === 'wall'}
        range={range}
        window={window}
        onZoom={zoom}
        highlight={props.highlight}
        group={`${GROUP}${view.x}`}
        label={trans.__(
          'Lines of %1. Keys + and - zoom, arrows move, Escape shows all.',
          view.metric
        )}
      />
      <div className="jp-MLStudio-chartFoot">
        <Pointed
          highlight={props.highlight}
          lines={lines}
          model={model}
          grouped={grouped !== null}
        />
        {window && (
          <Button small minimal onClick={() => zoom(null)}>
            {trans.__('Show all')}
          </Button>
        )}
      </div>
      <details>
        <summary>{trans.__('As a table')}</summary>
        <LinesTable lines={drawn} />
      </details>
    </>
  );
}

const NONE: readonly IPlotLine[] = [];
const GROUP = 'jupyter-mlstudio-compare-';
const AXES: Partial<Record<string, 'Step' | 'Time' | 'RelativeTime'>> = {
  step: 'Step',
  wall: 'Time',
  relative: 'RelativeTime'
};

/** Make lines of curves, over what the view says. */
export function linesOfCurves(
  curves: readonly ICurve[],
  over: readonly ICurve[],
  view: ILinesView
): IPlotLine[] {
  const { x } = view;
  if (x === 'step' || x === 'relative' || x === 'wall') {
    return curves.map(curve => lineOf(curve, x));
  }
  const places = new Map(over.map(curve => [curve.run, curve]));
  return curves.flatMap(curve => {
    const other = places.get(curve.run);
    return other === undefined ? [] : lineOver(curve, other);
  });
}

/** Smooth a line as the view says. Its bounds, where it has some, stay with what is faint. */
export function smoothLine(line: IPlotLine, view: ILinesView): IPlotLine {
  const { smoothing, weight } = view;
  if (weight === 0) {
    return line;
  }
  const { key, x, y } = line;
  switch (smoothing) {
    case 'gaussian':
      return {
        ...bounds(line),
        key,
        x,
        y: gaussian(y, 0.5 + (weight * WIDEST) / 6)
      };
    case 'running':
      return {
        ...bounds(line),
        key,
        x,
        y: running(y, 1 + Math.round(weight * WIDEST))
      };
    default: {
      const finite = y.map(value => (Number.isFinite(value) ? value : null));
      const values = smooth(finite, weight).map(value => value ?? NaN);
      return { ...bounds(line), key, x, y: values };
    }
  }
}

/** A band keeps its bounds; a line that stands for many points is one line when it is smooth. */
function bounds(line: IPlotLine): Partial<IPlotLine> {
  return line.key.startsWith(BAND) && line.low && line.high
    ? { low: line.low, high: line.high }
    : {};
}

const BAND = '\u0000';

/** One line for all runs of each group: their mean, with the lowest and the highest. */
export function bandsOf(
  model: CompareModel,
  lines: readonly IPlotLine[]
): IPlotLine[] {
  const { value: comparison, view } = model;
  if (comparison === null) {
    return [];
  }
  const byRun = new Map(lines.map(line => [line.key, line]));
  const indices = comparison.runs.flatMap((run, index) =>
    byRun.has(run.name) ? [index] : []
  );
  let groups: [string, readonly number[]][] = [['', indices]];
  for (const column of view.groups) {
    groups = groups.flatMap(([name, members]) =>
      [...groupBy(comparison, column, members)].map(
        ([value, some]): [string, readonly number[]] => [
          `${name}${name && ', '}${column.replace(/^[mp]:/, '')}=${value ?? '–'}`,
          some
        ]
      )
    );
  }
  return groups.map(([name, members]) =>
    bandOf(
      BAND + name,
      members.flatMap(
        index => byRun.get(comparison.runs[index]?.name ?? '') ?? []
      )
    )
  );
}

function stroke(
  model: CompareModel,
  key: string,
  grouped: readonly IPlotLine[] | null
): IStroke {
  const group = grouped?.findIndex(line => line.key === key) ?? -1;
  return strokeOf(group >= 0 ? group : model.strokeOf(key));
}

/** Says which line is pointed at, and where it ends. */
function Pointed(props: {
  highlight: Highlight;
  lines: readonly IPlotLine[];
  model: CompareModel;
  grouped: boolean;
}): JSX.Element {
  const { highlight, lines, model } = props;
  const [run, setRun] = useState(highlight.run);
  useEffect(() => {
    const follow = () => setRun(highlight.run);
    highlight.changed.connect(follow);
    return () => {
      highlight.changed.disconnect(follow);
    };
  }, [highlight]);
  const line = lines.find(each => each.key === run);
  return (
    <output className="jp-MLStudio-pointed">
      {line && (
        <>
          {!props.grouped && <Swatch stroke={model.strokeOf(line.key)} />}{' '}
          {shortName(line.key)}: {formatNumber(line.y[line.y.length - 1])}
        </>
      )}
    </output>
  );
}

/** What the lines of a chart say, in numbers. */
function LinesTable(props: { lines: readonly IPlotLine[] }): JSX.Element {
  const trans = useTrans();
  const titles = [trans.__('Last'), trans.__('Lowest'), trans.__('Highest')];
  return (
    <table className="jp-MLStudio-table">
      <thead>
        <tr>
          <th scope="col">{trans.__('Run')}</th>
          {titles.map(title => (
            <th key={title} scope="col" className="jp-mod-number">
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {props.lines.map(line => {
          const low = (line.low ?? line.y).reduce(
            (a, b) => Math.min(a, b),
            Infinity
          );
          const high = (line.high ?? line.y).reduce(
            (a, b) => Math.max(a, b),
            -Infinity
          );
          return (
            <tr key={line.key}>
              <th scope="row">
                {shortName(line.key.replace(BAND, '')) || '⌀'}
              </th>
              {[line.y[line.y.length - 1], low, high].map((value, index) => (
                <td key={index} className="jp-mod-number" title={String(value)}>
                  {formatNumber(value)}
                </td>
              ))}
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
