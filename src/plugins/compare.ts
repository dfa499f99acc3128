import {
  ILayoutRestorer,
  IRouter,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { Clipboard, ICommandPalette, InputDialog } from '@jupyterlab/apputils';
import { PageConfig, URLExt } from '@jupyterlab/coreutils';
import { ILauncher } from '@jupyterlab/launcher';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { UUID } from '@lumino/coreutils';
import { Panel, type Widget } from '@lumino/widgets';

import { addCompareCommands, CommandIDs, type IComparisons } from '../commands';
import { DOMAIN } from '../components/translation';
import type { CompareModel } from '../panels/compare/model';
import { IMLStudio } from '../tokens';
import { show, track } from './panels';

/** The parameter of an address that holds a view. */
const LINK_PARAMETER = 'mlstudio-view';

/** Opens runs side by side. */
export const compare: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlstudio:compare',
  description: 'Compares runs: a table, curves and other charts.',
  autoStart: true,
  requires: [IMLStudio],
  optional: [
    ITranslator,
    ICommandPalette,
    ILayoutRestorer,
    ILauncher,
    IStateDB,
    IRouter
  ],
  activate: (
    app: JupyterFrontEnd,
    studio: IMLStudio,
    translator: ITranslator | null,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    launcher: ILauncher | null,
    state: IStateDB | null,
    router: IRouter | null
  ): void => {
    const languages = translator ?? nullTranslator;
    const trans = languages.load(DOMAIN);
    const panels = track('mlstudio-comparisons');
    const surroundings = {
      studio,
      commands: app.commands,
      translator: languages
    };
    const comparisons: IComparisons = {
      current: () => modelIn(app.shell.currentWidget),
      open: async (given, view) => {
        const id = given ?? `mlstudio-comparison-${UUID.uuid4()}`;
        await show(app, panels, id, async () => {
          const { comparePanel } = await import('../panels/compare');
          return comparePanel(id, view, surroundings, state);
        });
      },
      openLink: async search => {
        const query = new URLSearchParams(search);
        const text = query.get(LINK_PARAMETER);
        query.delete(LINK_PARAMETER);
        const { fromLink } = await import('../panels/compare');
        // What was open before a reload comes first, so that the link's is in front.
        await app.restored;
        if (router) {
          const { path, hash } = router.current;
          const rest = query.size > 0 ? `?${query}` : '';
          router.navigate(`${path}${rest}${hash ?? ''}`, { skipRouting: true });
        }
        await comparisons.open(null, fromLink(text ?? ''));
      },
      copyLink: async model => {
        const { toLink } = await import('../panels/compare');
        const url = URLExt.join(
          app.serviceManager.serverSettings.baseUrl,
          PageConfig.getOption('appUrl') || 'lab'
        );
        const link = toLink(model.snapshot());
        Clipboard.copyToSystem(
          `${new URL(url, location.href).href}?${LINK_PARAMETER}=${link}`
        );
      },
      saveView: async model => {
        const { formatView } = await import('../panels/compare');
        const { value: path } = await InputDialog.getText({
          title: trans.__('Save the comparison as a file'),
          text: 'comparison.mlview'
        });
        if (path) {
          await app.serviceManager.contents.save(path, {
            type: 'file',
            format: 'text',
            content: formatView(model.snapshot())
          });
        }
      },
      exportPoints: async (model, format) => {
        const { exportPoints } = await import('../panels/compare');
        await exportPoints(model, format);
      },
      addChart: async (model, kind, column) => {
        const { addChart } = await import('../panels/compare');
        await addChart(model, kind, column, trans);
      }
    };
    addCompareCommands(app.commands, comparisons, trans);
    void restorer?.restore(panels, {
      command: CommandIDs.compareRuns,
      args: panel => ({ id: panel.id }),
      name: panel => panel.id
    });
    router?.register({
      command: CommandIDs.compareOpenLink,
      pattern: new RegExp(`[?&]${LINK_PARAMETER}=`)
    });
    const category = trans.__('Machine Learning Studio');
    for (const command of [
      CommandIDs.compareRuns,
      CommandIDs.compareAddRun,
      CommandIDs.compareAllRuns,
      CommandIDs.compareCopyLink,
      CommandIDs.compareExport,
      CommandIDs.compareKeepFiltered,
      CommandIDs.compareRedo,
      CommandIDs.compareSaveView,
      CommandIDs.compareUndo
    ]) {
      palette?.addItem({ command, category });
    }
    launcher?.add({ command: CommandIDs.compareRuns, category, rank: 2 });
  }
};

/** The comparison in a panel or a document, if it is one. */
function modelIn(widget: Widget | null): CompareModel | null {
  const { content } = (widget ?? {}) as { content?: Widget };
  const inner = content instanceof Panel ? content.widgets[0] : content;
  return inner?.hasClass('jp-MLStudio-compare')
    ? ((inner as Widget & { model?: CompareModel }).model ?? null)
    : null;
}
