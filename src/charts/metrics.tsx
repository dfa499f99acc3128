import React, { useId, useMemo, useState } from 'react';

import type { IMetricSeries } from '../api/types';
import { formatNumber } from '../components/numbers';
import { useTrans } from '../components/translation';
import { preferences } from '../model/preferences';
import { LineChart } from './linechart';
import {
  groupMetrics,
  type IMetricGroup,
  summarize,
  toLine,
  type XAxis
} from './series';

interface ILook {
  axis: XAxis;
  logarithmic: boolean;
  smoothing: number;
}

/** The metrics of one job as charts: one for all that are of a kind, with one cursor. */
export function MetricCharts(props: {
  series: readonly IMetricSeries[];
}): JSX.Element {
  const [look, setLook] = useState<ILook>({
    axis: 'step',
    logarithmic: false,
    smoothing: preferences.smoothing
  });
  const cursor = useId();
  const groups = useMemo(() => groupMetrics(props.series), [props.series]);
  const origin = useMemo(
    () =>
      props.series.reduce((t, each) => Math.min(t, ...each.Times), Infinity),
    [props.series]
  );
  return (
    <>
      <ChartControls look={look} onChange={setLook} />
      <div className="jp-MLStudio-charts">
        {groups.map(group => (
          <MetricChart
            key={group.title}
            group={group}
            look={look}
            origin={origin}
            cursor={cursor}
          />
        ))}
      </div>
    </>
  );
}

function ChartControls(props: {
  look: ILook;
  onChange: (look: ILook) => void;
}): JSX.Element {
  const trans = useTrans();
  const { look, onChange } = props;
  return (
    <div
      className="jp-MLStudio-chartControls"
      role="group"
      aria-label={trans.__('How charts are drawn')}
    >
      <label>
        {trans.__('Over')}{' '}
        <select
          value={look.axis}
          onChange={event =>
            onChange({ ...look, axis: event.target.value as XAxis })
          }
        >
          <option value="step">{trans.__('Step')}</option>
          <option value="relative">
            {trans.__('Seconds since the start')}
          </option>
          <option value="wall">{trans.__('Time of day')}</option>
        </select>
      </label>
      <label>
        <input
          type="checkbox"
          checked={look.logarithmic}
          onChange={event =>
            onChange({ ...look, logarithmic: event.target.checked })
          }
        />{' '}
        {trans.__('Logarithmic')}
      </label>
      <label>
        {trans.__('Smoothing')}{' '}
        <input
          type="range"
          min={0}
          max={0.99}
          step={0.01}
          value={look.smoothing}
          onChange={event =>
            onChange({ ...look, smoothing: Number(event.target.value) })
          }
        />{' '}
        <output>{look.smoothing.toFixed(2)}</output>
      </label>
    </div>
  );
}

function MetricChart(props: {
  group: IMetricGroup;
  look: ILook;
  origin: number;
  cursor: string;
}): JSX.Element {
  const trans = useTrans();
  const { group, look, origin } = props;
  const lines = useMemo(
    () => group.series.map(series => toLine(series, look.axis, origin)),
    [group, look.axis, origin]
  );
  return (
    <figure className="jp-MLStudio-figure" aria-label={group.title}>
      <figcaption>{group.title}</figcaption>
      <LineChart lines={lines} group={props.cursor} {...look} />
      <details>
        <summary>{trans.__('As a table')}</summary>
        <SummaryTable series={group.series} />
      </details>
    </figure>
  );
}

function SummaryTable(props: {
  series: readonly IMetricSeries[];
}): JSX.Element {
  const trans = useTrans();
  const columns = [trans.__('Last'), trans.__('Lowest'), trans.__('Highest')];
  return (
    <table className="jp-MLStudio-table">
      <thead>
        <tr>
          <th scope="col">{trans.__('Metric')}</th>
          {columns.map(column => (
            <th key={column} scope="col" className="jp-mod-number">
              {column}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {props.series.map(series => {
          const { last, min, max } = summarize(series);
          return (
            <tr key={series.MetricName}>
              <th scope="row">{series.MetricName}</th>
              {[last, min, max].map((value, index) => (
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
