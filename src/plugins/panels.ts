import {
  type ILayoutRestorer,
  type JupyterFrontEnd,
  LabShell
} from '@jupyterlab/application';
import { type MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import type { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { TabPanel, type Widget } from '@lumino/widgets';

/** The open panels of one kind. */
export type Tracker = WidgetTracker<MainAreaWidget>;

/** Return a tracker of panels, which also says under which name their layout is kept. */
export function track(namespace: string): Tracker {
  return new WidgetTracker<MainAreaWidget>({ namespace });
}

/** Bring the panel with this id to the front, making it first if it is not open. */
export async function show<T extends MainAreaWidget>(
  app: JupyterFrontEnd,
  tracker: WidgetTracker<T>,
  id: string,
  create: () => Promise<T>
): Promise<void> {
  const isOpen = () => tracker.find(open => open.id === id) !== undefined;
  if (!isOpen()) {
    const panel = await create();
    if (isOpen()) {
      panel.dispose();
    } else {
      panel.id = id;
      void tracker.add(panel);
      // The main area of Notebook 7 is for its notebook alone.
      app.shell.add(panel, app.shell instanceof LabShell ? 'main' : 'down');
    }
  }
  app.shell.activateById(id);
  const panel = tracker.find(open => open.id === id);
  if (panel) {
    selectTab(panel);
  }
}

/** Bring a panel to the front of its tabs, which activating it does in JupyterLab only. */
export function selectTab(panel: Widget): void {
  const tabs = panel.parent?.parent;
  if (tabs instanceof TabPanel) {
    tabs.currentWidget = panel;
  }
}

/** The paths of what is selected in the file browser, without the names of drives. */
export function selectedPaths(
  app: JupyterFrontEnd,
  files: IFileBrowserFactory | null
): string[] {
  const selected = files?.tracker.currentWidget?.selectedItems() ?? [];
  return [...selected].map(({ path }) =>
    app.serviceManager.contents.localPath(path)
  );
}

/** Open again what was open before a reload; such a panel is titled by the name of its resource. */
export function restore(
  restorer: ILayoutRestorer | null,
  tracker: Tracker,
  command: string
): void {
  void restorer?.restore(tracker, {
    command,
    args: panel => ({ name: panel.title.label }),
    name: panel => panel.title.label
  });
}
