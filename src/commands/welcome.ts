import { Dialog, showDialog } from '@jupyterlab/apputils';
import { type Contents, ServerConnection } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import { linkIcon, notebookIcon } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import { Widget } from '@lumino/widgets';

import type { IMLStudio } from '../tokens';
import { CommandIDs } from './ids';
import { NO_ARGS, reportErrors } from './support';

/** Where the quickstart is put, below the folder that Jupyter shows. */
const QUICKSTART = 'quickstart.ipynb';

/** Add the commands for those who are new. */
export function addWelcomeCommands(
  commands: CommandRegistry,
  studio: IMLStudio,
  contents: Contents.IManager,
  trans: TranslationBundle
): void {
  commands.addCommand(CommandIDs.openQuickstart, {
    label: trans.__('Open the Machine Learning Quickstart'),
    caption: trans.__(
      'A notebook that trains, registers and deploys a first model'
    ),
    icon: notebookIcon,
    describedBy: NO_ARGS,
    execute: () =>
      reportErrors(trans.__('The quickstart could not be opened'), async () => {
        if (!(await exists(contents, QUICKSTART))) {
          await contents.save(QUICKSTART, {
            type: 'notebook',
            format: 'json',
            content: await studio.client.quickstart()
          });
        }
        await commands.execute('docmanager:open', { path: QUICKSTART });
      })
  });
  commands.addCommand(CommandIDs.connectToStudio, {
    label: trans.__('Connect to a Studio Elsewhere…'),
    caption: trans.__('Work with a studio on another machine'),
    icon: linkIcon,
    describedBy: NO_ARGS,
    execute: () =>
      showDialog({
        title: trans.__('Connect to a studio elsewhere'),
        body: instructions(trans),
        buttons: [Dialog.okButton({ label: trans.__('Close') })]
      })
  });
}

async function exists(
  contents: Contents.IManager,
  path: string
): Promise<boolean> {
  try {
    await contents.get(path, { content: false });
    return true;
  } catch (reason) {
    if (
      reason instanceof ServerConnection.ResponseError &&
      reason.response.status === 404
    ) {
      return false;
    }
    throw reason;
  }
}

/** What to tell Jupyter: it, not the browser, speaks with the studio. */
function instructions(trans: TranslationBundle): Widget {
  const node = document.createElement('div');
  node.className = 'jp-MLStudio-instructions';
  const add = (tag: 'p' | 'pre', text: string) => {
    node.appendChild(document.createElement(tag)).textContent = text;
  };
  add(
    'p',
    trans.__('Ask who runs the studio for a key. Add it to ~/.aws/config:')
  );
  add(
    'pre',
    '[profile mlstudio]\nregion = us-east-1\naws_access_key_id = …\naws_secret_access_key = …'
  );
  add(
    'p',
    trans.__(
      'Start Jupyter with the URL of the studio, here or in its settings:'
    )
  );
  add('pre', 'jupyter lab --MLStudioExtension.studio_url=https://…');
  return new Widget({ node });
}
