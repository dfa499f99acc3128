import React, { useCallback, useEffect, useMemo, useRef } from 'react';

import { Canvas } from '../../charts/canvas';
import type { IThemeColors } from '../../charts/colors';
import { type Pen, SvgPen } from '../../charts/pen';
import { histogram } from '../../charts/scale';
import { ScatterLayout } from '../../charts/scatter';
import { formatNumber } from '../../components/numbers';
import { useTrans } from '../../components/translation';
import { ColumnSelect } from './controls';
import type { IChartProps } from './lines';
import { Flag } from './linecontrols';
import { pictureColors, usePicture } from './pictures';
import { chartColumns, chartValues, colorOfRun, titleOfColumn } from './values';
import type { IHistogramView, IScatterView } from './view';

const HEIGHT = 260;

/** Runs without a line are drawn in this. */
const PLAIN = '#888888';

/** A point for each run. */
export function ScatterChart(props: IChartProps<IScatterView>): JSX.Element {
  const trans = useTrans();
  const { highlight, model, view } = props;
  const { value } = model;
  useEffect(() => model.want([view.x, view.y]), [view.x, view.y, model]);
  const { aggregates, filter } = model.view;
  const values = useMemo(
    () => (value === null ? null : chartValues(value, model)),
    // The view's filter and aggregates decide which values these are.
    [value, model, filter, aggregates]
  );
  const layout = useRef<ScatterLayout | null>(null);
  const layoutFor = useCallback(
    (width: number) =>
      new ScatterLayout(
        {
          title: titleOfColumn(view.x),
          log: view.logX,
          values: values?.valuesOf(view.x) ?? []
        },
        {
          title: titleOfColumn(view.y),
          log: view.logY,
          values: values?.valuesOf(view.y) ?? []
        },
        width,
        HEIGHT
      ),
    [view, values]
  );
  const drawn = model.drawn.join('\n');
  const colorOf = useMemo(() => {
    const lines = new Set(drawn.split('\n'));
    return (run: number) =>
      colorOfRun(model, lines, values?.nameOf(run) ?? '') ?? PLAIN;
  }, [model, values, drawn]);
  const draw = useCallback(
    (pen: Pen, width: number, theme: IThemeColors) => {
      layout.current = layoutFor(width);
      layout.current.draw(pen, colorOf, theme);
    },
    [layoutFor, colorOf]
  );
  const drawOver = useCallback(
    (pen: Pen, theme: IThemeColors) => {
      const run =
        values?.runs.findIndex(
          (_, index) => values.nameOf(index) === highlight.run
        ) ?? -1;
      const point = layout.current?.points[run];
      if (point) {
        pen.fillStyle = theme.text;
        pen.fillRect(point[0] - 5, point[1] - 5, 10, 10);
      }
    },
    [values, highlight]
  );
  const onOver = useCallback(
    (redraw: () => void) => {
      highlight.changed.connect(redraw);
      return () => {
        highlight.changed.disconnect(redraw);
      };
    },
    [highlight]
  );
  usePicture(
    useCallback(() => {
      const pen = new SvgPen(640, HEIGHT, 'sans-serif');
      layoutFor(640).draw(pen, colorOf, pictureColors());
      return pen.toString();
    }, [layoutFor, colorOf])
  );
  const columns = value === null ? [] : chartColumns(value);
  return (
    <>
      <div
        className="jp-MLStudio-chartControls"
        role="group"
        aria-label={trans.__('How points are drawn')}
      >
        <ColumnSelect
          label={trans.__('Across')}
          value={view.x}
          columns={columns}
          onChange={x => props.onChange({ x })}
        />
        <Flag
          label={trans.__('Log x')}
          value={view.logX}
          onChange={logX => props.onChange({ logX })}
        />
        <ColumnSelect
          label={trans.__('Up')}
          value={view.y}
          columns={columns}
          onChange={y => props.onChange({ y })}
        />
        <Flag
          label={trans.__('Log y')}
          value={view.logY}
          onChange={logY => props.onChange({ logY })}
        />
      </div>
      <Canvas
        height={HEIGHT}
        label={trans.__(
          '%1 against %2, a point for each run',
          titleOfColumn(view.y),
          titleOfColumn(view.x)
        )}
        draw={draw}
        drawOver={drawOver}
        onOver={onOver}
        onMove={place => {
          const run =
            place === null
              ? -1
              : (layout.current?.runAt(place.x, place.y) ?? -1);
          highlight.run = run < 0 ? null : (values?.nameOf(run) ?? null);
        }}
      />
    </>
  );
}

/** How many runs have which values in a column. */
export function HistogramChart(
  props: IChartProps<IHistogramView>
): JSX.Element {
  const trans = useTrans();
  const { model, view } = props;
  const { value } = model;
  useEffect(() => model.want([view.column]), [view.column, model]);
  const { aggregates, filter } = model.view;
  const bins = useMemo(() => {
    const found = value === null ? null : chartValues(value, model);
    const numbers = (found?.valuesOf(view.column) ?? [])
      .filter(each => each !== null && each !== '')
      .map(Number);
    return histogram(numbers, view.bins);
    // The view's filter and aggregates decide which values these are.
  }, [value, model, view, filter, aggregates]);
  const most = bins.reduce((max, bin) => Math.max(max, bin.count), 0);
  const draw = useCallback(
    (pen: Pen, width: number, theme: IThemeColors) => {
      const [left, foot] = [40, HEIGHT - 24];
      const room = width - left - 12;
      pen.fillStyle = theme.text;
      pen.textAlign = 'right';
      pen.textBaseline = 'middle';
      pen.fillText(String(most), left - 5, 10);
      pen.fillText('0', left - 5, foot);
      pen.textAlign = 'center';
      bins.forEach((bin, index) => {
        const x = left + (room * index) / bins.length;
        const height = most > 0 ? ((foot - 10) * bin.count) / most : 0;
        pen.fillStyle = '#4477aa';
        pen.fillRect(
          x,
          foot - height,
          Math.max(1, room / bins.length - 1),
          height
        );
        if (index % Math.ceil(bins.length / 6) === 0) {
          pen.fillStyle = theme.text;
          pen.fillText(formatNumber(bin.from), x, foot + 12);
        }
      });
    },
    [bins, most]
  );
  usePicture(
    useCallback(() => {
      const pen = new SvgPen(640, HEIGHT, 'sans-serif');
      draw(pen, 640, pictureColors());
      return pen.toString();
    }, [draw])
  );
  return (
    <>
      <div
        className="jp-MLStudio-chartControls"
        role="group"
        aria-label={trans.__('How values are counted')}
      >
        <ColumnSelect
          label={trans.__('Values of')}
          value={view.column}
          columns={value === null ? [] : chartColumns(value)}
          onChange={column => props.onChange({ column })}
        />
        <label>
          {trans.__('Bars')}{' '}
          <input
            type="number"
            min={1}
            max={200}
            value={view.bins}
            onChange={event => {
              const count = Math.round(Number(event.target.value));
              props.onChange({ bins: Math.max(1, Math.min(200, count)) });
            }}
          />
        </label>
      </div>
      <Canvas
        height={HEIGHT}
        label={trans.__(
          'How often values of %1 occur',
          titleOfColumn(view.column)
        )}
        draw={draw}
      />
      <details>
        <summary>{trans.__('As a table')}</summary>
        <table className="jp-MLStudio-table">
          <thead>
            <tr>
              <th scope="col">{trans.__('From')}</th>
              <th scope="col">{trans.__('To')}</th>
              <th scope="col" className="jp-mod-number">
                {trans.__('Runs')}
              </th>
            </tr>
          </thead>
          <tbody>
            {bins.map(bin => (
              <tr key={bin.from}>
                <td>{formatNumber(bin.from)}</td>
                <td>{formatNumber(bin.to)}</td>
                <td className="jp-mod-number">{bin.count}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </>
  );
}
