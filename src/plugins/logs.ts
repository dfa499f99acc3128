import {
  ILayoutRestorer,
  IRouter,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette, WidgetTracker } from '@jupyterlab/apputils';
import { URLExt } from '@jupyterlab/coreutils';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import type { ILogPlace, ILogReference } from '../api/logs';
import { addLogCommands, CommandIDs, LOG_COMMANDS } from '../commands';
import { DOMAIN } from '../components/translation';
import type { LogWidget } from '../panels/logs';
import { LINK_PARAMETER, withoutLink } from '../panels/logs/links';
import { IMLStudio } from '../tokens';
import { show } from './panels';

/** Adds panels that show logs, and the links that lead to their lines. */
export const logs: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlstudio:logs',
  description: 'Shows the logs of jobs and endpoints in panels.',
  autoStart: true,
  requires: [IMLStudio],
  optional: [ITranslator, ICommandPalette, ILayoutRestorer, IRouter, IStateDB],
  activate: (
    app: JupyterFrontEnd,
    studio: IMLStudio,
    translator: ITranslator | null,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    router: IRouter | null,
    state: IStateDB | null
  ): void => {
    const { commands } = app;
    const languages = translator ?? nullTranslator;
    const trans = languages.load(DOMAIN);
    const tracker = new WidgetTracker<LogWidget>({
      namespace: 'mlstudio-logs'
    });
    const open = async (place: ILogPlace, line: ILogReference | null) => {
      const id = `mlstudio-log-${place.kind}-${place.name}`;
      await show(app, tracker, id, async () => {
        const { logPanel } = await import('../panels/logs');
        return logPanel(place, studio, commands, languages, state);
      });
      const widget = tracker.find(panel => panel.id === id);
      if (widget && line) {
        await widget.reveal(line);
      }
    };
    addLogCommands(
      commands,
      studio,
      {
        open,
        follow: async ({ line, ...place }) => {
          await app.restored;
          await open(place, line);
        }
      },
      trans
    );
    void restorer?.restore(tracker, {
      command: CommandIDs.openLog,
      args: ({ model }) => ({ ...model.place }),
      name: ({ id }) => id
    });
    if (router) {
      router.register({
        command: CommandIDs.openLogLink,
        pattern: new RegExp(`[?&]${LINK_PARAMETER}=`)
      });
      void app.restored.then(() => forgetLink(router));
    }
    for (const command of LOG_COMMANDS) {
      palette?.addItem({
        command,
        category: trans.__('Machine Learning Studio')
      });
    }
  }
};

/** Take a link out of the address of the page, so that a reload shows what is open then. */
function forgetLink(router: IRouter): void {
  const { hash, path, search } = router.current;
  if (search?.includes(`${LINK_PARAMETER}=`)) {
    const rest = withoutLink(search);
    router.navigate(URLExt.join(path) + rest + hash, { skipRouting: true });
  }
}
