import React from 'react';

import { formatNumber } from '../../components/numbers';
import { StatusLabel } from '../../components/status';
import { duration, RelativeTime } from '../../components/time';
import { useTrans } from '../../components/translation';
import { betterOf, cellOf, type IComparison, METRIC } from './columns';
import type { CompareModel } from './model';
import { deltaOf } from './rows';

/** What one column shows of one run; all of it is there on hover. */
export function Cell(props: {
  model: CompareModel;
  comparison: IComparison;
  /** The place of the run. */
  run: number;
  column: string;
}): JSX.Element | null {
  const { column, comparison, model, run } = props;
  const found = comparison.runs[run];
  if (found === undefined) {
    return null;
  }
  switch (column) {
    case 'status':
      return found.status ? <StatusLabel status={found.status} /> : null;
    case 'created':
      return <RelativeTime date={new Date(1000 * found.created)} />;
    case 'duration':
      return Number.isNaN(found.started) ? null : (
        <>
          {duration(
            new Date(1000 * found.started),
            Number.isNaN(found.ended)
              ? new Date()
              : new Date(1000 * found.ended)
          )}
        </>
      );
    default: {
      const value = cellOf(
        comparison,
        run,
        column,
        model.view.aggregates[column]
      );
      return value === null ? null : (
        <>
          <span title={String(value)}>
            {typeof value === 'number' ? formatNumber(value) : value}
          </span>
          {column.startsWith(METRIC) && <Delta {...props} />}
        </>
      );
    }
  }
}

/** How far a run is from the baseline: by sign and words, not by colour alone. */
function Delta(props: {
  model: CompareModel;
  comparison: IComparison;
  run: number;
  column: string;
}): JSX.Element | null {
  const trans = useTrans();
  const { column, comparison, model, run } = props;
  const better = betterOf(model.view, column);
  const delta = deltaOf(comparison, model.view, run, column, better);
  if (delta === null) {
    return null;
  }
  const { good, value } = delta;
  const tone = good === null ? 'same' : good ? 'good' : 'bad';
  const words = {
    same: trans.__('As the baseline'),
    good: trans.__('Better than the baseline'),
    bad: trans.__('Worse than the baseline')
  };
  const sign = { same: '=', good: '✓', bad: '✗' };
  return (
    <small className={`jp-MLStudio-delta jp-mod-${tone}`} title={words[tone]}>
      {value > 0 ? '+' : ''}
      {formatNumber(value)} <span aria-label={words[tone]}>{sign[tone]}</span>
    </small>
  );
}
