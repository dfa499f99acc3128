import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ILauncher } from '@jupyterlab/launcher';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { addWelcomeCommands, CommandIDs } from '../commands';
import { DOMAIN } from '../components/translation';
import { IMLStudio } from '../tokens';

/** Shows the way to those who are new. */
export const welcome: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlstudio:welcome',
  description: 'Opens the quickstart, and says how to use a studio elsewhere.',
  autoStart: true,
  requires: [IMLStudio],
  optional: [ITranslator, ICommandPalette, ILauncher],
  activate: (
    app: JupyterFrontEnd,
    studio: IMLStudio,
    translator: ITranslator | null,
    palette: ICommandPalette | null,
    launcher: ILauncher | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const category = trans.__('Machine Learning Studio');
    const { contents } = app.serviceManager;
    addWelcomeCommands(app.commands, studio, contents, trans);
    for (const command of [
      CommandIDs.connectToStudio,
      CommandIDs.openQuickstart
    ]) {
      palette?.addItem({ command, category });
    }
    launcher?.add({ command: CommandIDs.openQuickstart, category, rank: 9 });
  }
};
