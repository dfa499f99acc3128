import type { CommandRegistry } from '@lumino/commands';
import React from 'react';

import type { IMetricSeries, ITrainingJobDetails } from '../../api/types';
import { MetricCharts } from '../../charts/metrics';
import { Remote } from '../../components/states';
import { useTrans } from '../../components/translation';
import { useRemote } from '../../components/useremote';
import type { SnippetKind } from '../../model/snippets';
import type { IRemoteModel } from '../../tokens';
import type { LogModel } from '../logs/model';
import { Configuration } from './configuration';
import { Section } from './facts';
import { Files } from './files';
import { FinalMetrics, History, Hyperparameters } from './history';
import { LogSection } from './logs';
import { Overview } from './overview';
import { type ITagActions, Tags } from './tags';

export interface ITrainingJobProps {
  model: IRemoteModel<ITrainingJobDetails>;
  metrics: IRemoteModel<readonly IMetricSeries[]>;
  /** What its hosts use of the machine. */
  usage: IRemoteModel<readonly IMetricSeries[]>;
  log: LogModel;
  tags: ITagActions;
  commands: CommandRegistry;
  onStart: () => Promise<void>;
  onStop: () => void;
  onClone: () => void;
  onCopy: (kind: SnippetKind) => void;
}

/** One training job: what it is, how it went, what it said. */
export function TrainingJobDetails(props: ITrainingJobProps): JSX.Element {
  const trans = useTrans();
  const { commands } = props;
  useRemote(props.model);
  return (
    <Remote model={props.model} onStart={props.onStart}>
      {details => (
        <>
          <Overview
            details={details}
            onCopy={props.onCopy}
            onStop={props.onStop}
            onClone={props.onClone}
          />
          <Charts
            title={trans.__('Metrics')}
            model={props.metrics}
            onStart={props.onStart}
          />
          <FinalMetrics job={details.job} />
          <LogSection model={props.log} commands={commands} />
          <Charts
            title={trans.__('Use of the machine')}
            model={props.usage}
            onStart={props.onStart}
          />
          <Files job={details.job} commands={commands} />
          <History job={details.job} />
          <Hyperparameters job={details.job} />
          <Tags actions={props.tags} onStart={props.onStart} />
          <Configuration job={details.job} />
        </>
      )}
    </Remote>
  );
}

/** Series as charts; nothing as long as there are none. */
function Charts(props: {
  title: string;
  model: IRemoteModel<readonly IMetricSeries[]>;
  onStart: () => Promise<void>;
}): JSX.Element | null {
  const { model } = props;
  useRemote(model);
  if (model.value?.length === 0 && !model.error) {
    return null;
  }
  return (
    <Section title={props.title}>
      <Remote model={model} onStart={props.onStart}>
        {series => <MetricCharts series={series} />}
      </Remote>
    </Section>
  );
}
