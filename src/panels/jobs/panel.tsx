import { Button } from '@jupyterlab/ui-components';
import React, { useEffect, useMemo, useState } from 'react';

import type { TrainingJobRecord } from '../../api/types';
import { Empty, Remote } from '../../components/states';
import { statusWord } from '../../components/status';
import { useTrans } from '../../components/translation';
import { useRemote } from '../../components/useremote';
import type { JobTableModel } from '../../model/jobtable';
import { EXAMPLE } from '../sidebar/jobs';
import { columnsOf, type IColumn } from './columns';
import { JobTable } from './table';

const STATUSES = ['InProgress', 'Completed', 'Failed', 'Stopping', 'Stopped'];

/** Milliseconds after the last key before a search begins. */
const TYPING = 250;

/** Which columns the user wants, where that is not what they are by themselves. */
export type ColumnChoice = Readonly<Record<string, boolean>>;

export interface IJobsPanelProps {
  model: JobTableModel;
  /** The columns chosen earlier. */
  choice: ColumnChoice;
  onChoose: (choice: ColumnChoice) => void;
  onOpen: (name: string) => void;
  onClone: (name: string) => void;
  onStop: (names: readonly string[]) => void;
  onDelete: (names: readonly string[]) => void;
  onCompare: (names: readonly string[]) => void;
  onStart: () => Promise<void>;
}

/** All training jobs: found, sorted, chosen, stopped and deleted. */
export function JobsPanel(props: IJobsPanelProps): JSX.Element {
  const trans = useTrans();
  const { model } = props;
  const [choice, setChoice] = useState(props.choice);
  const [selected, select] = useState<ReadonlySet<string>>(new Set());
  useRemote(model);
  const jobs = model.value;
  const columns = useMemo(() => columnsOf(jobs ?? [], trans), [jobs, trans]);
  const isShown = ({ id, shown }: IColumn) => choice[id] ?? shown;
  const { status, text } = model.query;
  return (
    <>
      <div className="jp-MLStudio-toolbar" role="toolbar">
        <SearchBox model={model} />
        <StatusFilter model={model} />
        <Actions {...props} jobs={jobs ?? []} selected={selected} />
        <ColumnChooser
          columns={columns}
          isShown={isShown}
          onToggle={column => {
            const changed = { ...choice, [column.id]: !isShown(column) };
            setChoice(changed);
            props.onChoose(changed);
          }}
        />
        <output className="jp-MLStudio-count">
          {jobs && trans._n('%1 job', '%1 jobs', model.total)}
        </output>
      </div>
      <Remote model={model} onStart={props.onStart}>
        {found =>
          found.length > 0 ? (
            <JobTable
              model={model}
              jobs={found}
              columns={columns.filter(isShown)}
              selected={selected}
              onSelect={select}
              onOpen={props.onOpen}
            />
          ) : text || status ? (
            <p className="jp-MLStudio-nothing">
              {trans.__('No training job is like that.')}
            </p>
          ) : (
            <Empty code={EXAMPLE}>
              {trans.__(
                'Training jobs appear here, live, however they were started: from a notebook, the SageMaker SDK or the AWS CLI.'
              )}
            </Empty>
          )
        }
      </Remote>
    </>
  );
}

function SearchBox(props: { model: JobTableModel }): JSX.Element {
  const trans = useTrans();
  const { model } = props;
  const [text, setText] = useState(model.query.text);
  useEffect(() => {
    if (text === model.query.text) {
      return;
    }
    const timer = setTimeout(() => void model.search({ text }), TYPING);
    return () => clearTimeout(timer);
  }, [text, model]);
  return (
    <input
      type="search"
      className="jp-mod-styled"
      placeholder={trans.__('Part of a name')}
      aria-label={trans.__('Part of a name')}
      value={text}
      onChange={event => setText(event.target.value)}
    />
  );
}

function StatusFilter(props: { model: JobTableModel }): JSX.Element {
  const trans = useTrans();
  const { model } = props;
  return (
    <select
      className="jp-mod-styled"
      aria-label={trans.__('Status')}
      value={model.query.status}
      onChange={event => void model.search({ status: event.target.value })}
    >
      <option value="">{trans.__('Any status')}</option>
      {STATUSES.map(status => (
        <option key={status} value={status}>
          {statusWord(status, trans)}
        </option>
      ))}
    </select>
  );
}

function Actions(
  props: IJobsPanelProps & {
    jobs: readonly TrainingJobRecord[];
    selected: ReadonlySet<string>;
  }
): JSX.Element {
  const trans = useTrans();
  const chosen = props.jobs.filter(job =>
    props.selected.has(job.TrainingJobName ?? '')
  );
  const named = (running: boolean) =>
    chosen
      .filter(job => isRunning(job) === running)
      .map(job => job.TrainingJobName ?? '');
  const [running, ended] = [named(true), named(false)];
  const [only] = chosen.length === 1 ? chosen : [];
  return (
    <>
      <Button
        small
        disabled={!only}
        onClick={() => props.onClone(only?.TrainingJobName ?? '')}
      >
        {trans.__('Clone')}
      </Button>
      <Button
        small
        disabled={chosen.length === 0}
        onClick={() =>
          props.onCompare(chosen.map(job => job.TrainingJobName ?? ''))
        }
      >
        {trans.__('Compare')}
      </Button>
      <Button
        small
        disabled={running.length === 0}
        onClick={() => props.onStop(running)}
      >
        {trans.__('Stop')}
      </Button>
      <Button
        small
        disabled={ended.length === 0}
        onClick={() => props.onDelete(ended)}
      >
        {trans.__('Delete')}
      </Button>
    </>
  );
}

function isRunning(job: TrainingJobRecord): boolean {
  return ['InProgress', 'Stopping'].includes(job.TrainingJobStatus ?? '');
}

function ColumnChooser(props: {
  columns: readonly IColumn[];
  isShown: (column: IColumn) => boolean;
  onToggle: (column: IColumn) => void;
}): JSX.Element {
  const trans = useTrans();
  return (
    <details className="jp-MLStudio-chooser">
      <summary>{trans.__('Columns')}</summary>
      <fieldset>
        <legend>{trans.__('Columns')}</legend>
        {props.columns.map(column => (
          <label key={column.id}>
            <input
              type="checkbox"
              checked={props.isShown(column)}
              onChange={() => props.onToggle(column)}
            />{' '}
            {column.title}
          </label>
        ))}
      </fieldset>
    </details>
  );
}
