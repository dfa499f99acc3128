import { closeIcon, downloadIcon } from '@jupyterlab/ui-components';
import React, { type ReactNode, useMemo } from 'react';

import { useTrans } from '../../components/translation';
import { IconButton, MenuButton } from './controls';
import type { Highlight } from './highlight';
import { LineControls } from './linecontrols';
import { LinesChart } from './lines';
import type { CompareModel } from './model';
import { ParallelChart } from './parallel';
import { PictureContext } from './pictures';
import { HistogramChart, ScatterChart } from './points';
import { titleOfColumn } from './values';
import type { ChartView } from './view';

export interface IChartsProps {
  model: CompareModel;
  highlight: Highlight;
  onStart: () => Promise<void>;
  onPictureMenu: (
    chart: number,
    title: string,
    place: { x: number; y: number }
  ) => void;
}

/** The charts of a comparison. */
export function Charts(props: IChartsProps): JSX.Element | null {
  const trans = useTrans();
  const { model } = props;
  const { charts, value } = model;
  if (value === null || charts.length === 0) {
    return null;
  }
  const set = (index: number, view: ChartView | null) =>
    model.update({
      charts: charts.flatMap((each, place) =>
        place === index ? (view ?? []) : each
      )
    });
  return (
    <section
      className="jp-MLStudio-charts jp-MLStudio-compareCharts"
      aria-label={trans.__('Charts')}
    >
      {charts.map((view, index) => (
        <figure
          key={`${index} ${titleOf(view)}`}
          className="jp-MLStudio-figure"
          aria-label={titleOf(view)}
        >
          <figcaption>
            <span title={titleOf(view)}>{titleOf(view)}</span>
            <MenuButton
              icon={downloadIcon}
              label={trans.__('Save the chart of %1', titleOf(view))}
              onOpen={place => props.onPictureMenu(index, titleOf(view), place)}
            />
            <IconButton
              icon={closeIcon}
              label={trans.__('Remove the chart of %1', titleOf(view))}
              onClick={() => set(index, null)}
            />
          </figcaption>
          <Pictured model={model} index={index}>
            <Chart
              {...props}
              view={view}
              onChange={changed => set(index, changed)}
            />
          </Pictured>
        </figure>
      ))}
    </section>
  );
}

function Chart(
  props: IChartsProps & {
    view: ChartView;
    onChange: (view: ChartView) => void;
  }
): JSX.Element {
  const trans = useTrans();
  const { model, onChange, view } = props;
  switch (view.kind) {
    case 'lines':
      return (
        <>
          <details>
            <summary>{trans.__('How it is drawn')}</summary>
            <LineControls
              view={view}
              metrics={model.value?.metrics ?? []}
              onChange={change => onChange({ ...view, ...change })}
            />
          </details>
          <LinesChart
            {...props}
            view={view}
            onChange={change => onChange({ ...view, ...change })}
          />
        </>
      );
    case 'parallel':
      return (
        <ParallelChart
          {...props}
          view={view}
          onChange={change => onChange({ ...view, ...change })}
        />
      );
    case 'scatter':
      return (
        <ScatterChart
          {...props}
          view={view}
          onChange={change => onChange({ ...view, ...change })}
        />
      );
    case 'histogram':
      return (
        <HistogramChart
          {...props}
          view={view}
          onChange={change => onChange({ ...view, ...change })}
        />
      );
  }
}

/** A chart that can be saved as a picture. */
function Pictured(props: {
  model: CompareModel;
  index: number;
  children: ReactNode;
}): JSX.Element {
  const { index, model } = props;
  const context = useMemo(
    () => ({ pictures: model.pictures, key: String(index) }),
    [model, index]
  );
  return (
    <PictureContext.Provider value={context}>
      {props.children}
    </PictureContext.Provider>
  );
}

export function titleOf(view: ChartView): string {
  switch (view.kind) {
    case 'lines':
      return view.metric;
    case 'scatter':
      return `${titleOfColumn(view.y)} / ${titleOfColumn(view.x)}`;
    case 'histogram':
      return titleOfColumn(view.column);
    case 'parallel':
      return view.axes.map(axis => titleOfColumn(axis.id)).join(' · ');
  }
}
