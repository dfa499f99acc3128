import { MainAreaWidget } from '@jupyterlab/apputils';
import type { IStateDB } from '@jupyterlab/statedb';
import type { ITranslator } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import React from 'react';

import { CommandIDs } from '../../commands';
import { PanelWidget } from '../../components/panelwidget';
import { DOMAIN } from '../../components/translation';
import { mlstudioIcon } from '../../icons';
import { JobTableModel, LATEST_FIRST } from '../../model/jobtable';
import type { IMLStudio } from '../../tokens';
import { type ColumnChoice, JobsPanel } from './panel';

/** Where the state database keeps what the user chose in the table. */
const KEY = 'jupyter-mlstudio:training-job-table';

interface IMemory {
  columns: ColumnChoice;
  sort: string;
  descending: boolean;
}

const AT_FIRST: IMemory = {
  columns: {},
  sort: LATEST_FIRST.sort,
  descending: LATEST_FIRST.descending
};

/** The panel with the table of all training jobs, as the user left it. */
export async function trainingJobsPanel(
  studio: IMLStudio,
  commands: CommandRegistry,
  translator: ITranslator,
  state: IStateDB | null
): Promise<MainAreaWidget> {
  const trans = translator.load(DOMAIN);
  const memory = { ...AT_FIRST, ...((await state?.fetch(KEY)) as object) };
  const { columns, descending, sort } = memory;
  const model = new JobTableModel(studio, {
    ...LATEST_FIRST,
    sort,
    descending
  });
  let choice = columns;
  let kept = JSON.stringify(memory);
  const keep = () => {
    const now = {
      columns: choice,
      sort: model.query.sort,
      descending: model.query.descending
    };
    const text = JSON.stringify(now);
    if (text !== kept) {
      kept = text;
      void state?.save(KEY, now);
    }
  };
  model.changed.connect(keep);
  const content = new PanelWidget(
    <JobsPanel
      model={model}
      choice={columns}
      onChoose={chosen => {
        choice = chosen;
        keep();
      }}
      onOpen={name =>
        void commands.execute(CommandIDs.openTrainingJob, { name })
      }
      onClone={name =>
        void commands.execute(CommandIDs.cloneTrainingJob, { name })
      }
      onStop={names =>
        void commands.execute(CommandIDs.stopTrainingJobs, {
          names: [...names]
        })
      }
      onDelete={names =>
        void commands.execute(CommandIDs.deleteTrainingJobs, {
          names: [...names]
        })
      }
      onCompare={names =>
        void commands.execute(CommandIDs.compareRuns, { jobs: [...names] })
      }
      onStart={() => commands.execute(CommandIDs.startStudio)}
    />,
    trans,
    [model]
  );
  content.addClass('jp-MLStudio-jobs');
  content.disposed.connect(() => model.dispose());
  const widget = new MainAreaWidget({ content });
  widget.toolbar.hide();
  widget.title.label = trans.__('Training jobs');
  widget.title.icon = mlstudioIcon;
  widget.title.closable = true;
  return widget;
}
