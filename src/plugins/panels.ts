import type { ILayoutRestorer, JupyterFrontEnd } from '@jupyterlab/application';
import { type MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';

/** The open panels of one kind. */
export type Tracker = WidgetTracker<MainAreaWidget>;

/** Return a tracker of panels, which also says under which name their layout is kept. */
export function track(namespace: string): Tracker {
  return new WidgetTracker<MainAreaWidget>({ namespace });
}

/** Bring the panel with this id to the front, making it first if it is not open. */
export async function show(
  app: JupyterFrontEnd,
  tracker: Tracker,
  id: string,
  create: () => Promise<MainAreaWidget>
): Promise<void> {
  const isOpen = () => tracker.find(open => open.id === id) !== undefined;
  if (!isOpen()) {
    const panel = await create();
    if (isOpen()) {
      panel.dispose();
    } else {
      panel.id = id;
      void tracker.add(panel);
      app.shell.add(panel, 'main');
    }
  }
  app.shell.activateById(id);
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
