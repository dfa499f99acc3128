import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ILauncher } from '@jupyterlab/launcher';
import { IStateDB } from '@jupyterlab/statedb';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { addViewCommands, CommandIDs } from '../commands';
import { DOMAIN } from '../components/translation';
import { Sidebar } from '../panels/sidebar';
import { IMLStudio } from '../tokens';
import { restore, show, track } from './panels';

/** Where the sidebar stands among those of the left area; the file browser has 100. */
const RANK = 450;

/** Adds the sidebar, and the panels that show one resource each. */
export const views: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlstudio:views',
  description:
    'Lists training jobs and endpoints in a sidebar and opens them in panels.',
  autoStart: true,
  requires: [IMLStudio],
  optional: [
    ITranslator,
    ICommandPalette,
    ILayoutRestorer,
    ILauncher,
    IStateDB
  ],
  activate: (
    app: JupyterFrontEnd,
    studio: IMLStudio,
    translator: ITranslator | null,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    launcher: ILauncher | null,
    state: IStateDB | null
  ): void => {
    const languages = translator ?? nullTranslator;
    const trans = languages.load(DOMAIN);
    const sidebar = new Sidebar(studio, app.commands, languages);
    app.shell.add(sidebar, 'left', { rank: RANK, type: 'MLStudio' });
    restorer?.add(sidebar, sidebar.id);

    const category = trans.__('Machine Learning Studio');
    const tables = track('mlstudio-training-job-tables');
    const jobs = track('mlstudio-training-jobs');
    const endpoints = track('mlstudio-endpoints');
    addViewCommands(
      app.commands,
      {
        showSidebar: () => app.shell.activateById(sidebar.id),
        openTrainingJob: name =>
          show(app, jobs, `mlstudio-training-job-${name}`, async () => {
            const { trainingJobPanel } = await import('../panels/details');
            return trainingJobPanel(name, studio, app.commands, languages);
          }),
        openTrainingJobs: () =>
          show(app, tables, 'mlstudio-training-jobs', async () => {
            const { trainingJobsPanel } = await import('../panels/jobs');
            return trainingJobsPanel(studio, app.commands, languages, state);
          }),
        openEndpoint: name =>
          show(app, endpoints, `mlstudio-endpoint-${name}`, async () => {
            const { endpointPanel } = await import('../panels/details');
            return endpointPanel(name, studio, app.commands, languages);
          })
      },
      trans
    );
    void restorer?.restore(tables, {
      command: CommandIDs.openTrainingJobs,
      name: panel => panel.id
    });
    restore(restorer, jobs, CommandIDs.openTrainingJob);
    restore(restorer, endpoints, CommandIDs.openEndpoint);
    for (const command of [
      CommandIDs.openTrainingJobs,
      CommandIDs.showSidebar
    ]) {
      palette?.addItem({ command, category });
    }
    launcher?.add({ command: CommandIDs.openTrainingJobs, category, rank: 1 });
  }
};
