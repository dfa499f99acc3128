import React from 'react';

import { useTrans } from '../../components/translation';
import { METRIC } from './columns';
import type { ILinesView, Smoothing } from './view';

/** How a chart of lines is drawn. */
export function LineControls(props: {
  view: ILinesView;
  metrics: readonly string[];
  onChange: (change: Partial<ILinesView>) => void;
}): JSX.Element {
  const trans = useTrans();
  const { metrics, onChange, view } = props;
  const over = view.x.startsWith(METRIC) ? [view.x.slice(METRIC.length)] : [];
  return (
    <div
      className="jp-MLStudio-chartControls"
      role="group"
      aria-label={trans.__('How %1 is drawn', view.metric)}
    >
      <label>
        {trans.__('Over')}{' '}
        <select
          value={view.x}
          onChange={event =>
            onChange({ x: event.target.value as ILinesView['x'] })
          }
        >
          <option value="step">{trans.__('Step')}</option>
          <option value="relative">
            {trans.__('Seconds since the start')}
          </option>
          <option value="wall">{trans.__('Time of day')}</option>
          {[...new Set([...over, ...metrics.slice(0, MOST)])].map(name => (
            <option key={name} value={METRIC + name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <Flag
        label={trans.__('Log x')}
        value={view.logX}
        onChange={logX => onChange({ logX })}
      />
      <Flag
        label={trans.__('Log y')}
        value={view.logY}
        onChange={logY => onChange({ logY })}
      />
      <Flag
        label={trans.__('Clip outliers')}
        value={view.clip}
        onChange={clip => onChange({ clip })}
      />
      <Flag
        label={trans.__('Mean of groups')}
        value={view.bands}
        onChange={bands => onChange({ bands })}
      />
      <label>
        {trans.__('Smoothing')}{' '}
        <select
          value={view.smoothing}
          onChange={event =>
            onChange({ smoothing: event.target.value as Smoothing })
          }
        >
          <option value="ema">{trans.__('Exponential')}</option>
          <option value="gaussian">{trans.__('Gaussian')}</option>
          <option value="running">{trans.__('Running mean')}</option>
        </select>
        <input
          type="range"
          min={0}
          max={0.99}
          step={0.01}
          value={view.weight}
          aria-label={trans.__('How smooth')}
          onChange={event => onChange({ weight: Number(event.target.value) })}
        />
        <output>{view.weight.toFixed(2)}</output>
      </label>
    </div>
  );
}

/** Metrics that are offered for the horizontal axis. */
const MOST = 200;

export function Flag(props: {
  label: string;
  value: boolean;
  onChange: (value: boolean) => void;
}): JSX.Element {
  return (
    <label>
      <input
        type="checkbox"
        checked={props.value}
        onChange={() => props.onChange(!props.value)}
      />{' '}
      {props.label}
    </label>
  );
}
