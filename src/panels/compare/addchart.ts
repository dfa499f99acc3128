import { InputDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import { isVaried, METRIC, PARAMETER, parameterNames } from './columns';
import type { CompareModel } from './model';
import { type ChartView, linesOf } from './view';

/** Axes of new parallel coordinates. */
const FIRST_AXES = 8;

/** Add a chart; where it is not said of which column, ask. */
export async function addChart(
  model: CompareModel,
  kind: string,
  column: string | undefined,
  trans: TranslationBundle
): Promise<void> {
  const { value } = model;
  if (value === null) {
    return;
  }
  const parameters = parameterNames(value).map(name => PARAMETER + name);
  const metrics = value.metrics.map(name => METRIC + name);
  const ask = async (label: string, ids: readonly string[]) => {
    const titles = ids.map(id => id.slice(METRIC.length));
    const { value: title } = await InputDialog.getItem({
      title: trans.__('Add a chart'),
      label,
      items: titles,
      editable: true
    });
    return title ? ids[titles.indexOf(title)] : undefined;
  };
  const add = (chart: ChartView) =>
    model.update({ charts: [...model.charts, chart] });
  const varied = parameters.filter(id => isVaried(value, id));
  switch (kind) {
    case 'lines': {
      const id = column ?? (await ask(trans.__('Metric'), metrics));
      if (id) {
        add(linesOf(id.slice(METRIC.length)));
      }
      break;
    }
    case 'histogram': {
      const all = [...metrics, ...parameters];
      const id = column ?? (await ask(trans.__('Column'), all));
      if (id) {
        add({ kind, column: id, bins: 20 });
      }
      break;
    }
    case 'scatter': {
      const [x = metrics[0]] = varied;
      const [y = x] = metrics;
      if (x && y) {
        add({ kind, x, y, logX: false, logY: false });
      }
      break;
    }
    case 'parallel': {
      const axes = [...varied.slice(0, FIRST_AXES - 1), ...metrics.slice(0, 1)];
      add({
        kind,
        axes: axes.map(id => ({ id, log: false, flip: false }))
      });
      break;
    }
  }
}
