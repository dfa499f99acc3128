import type { IDisposable } from '@lumino/disposable';
import { type Message, MessageLoop } from '@lumino/messaging';
import type { Widget } from '@lumino/widgets';

import type { IRemoteModel } from '../tokens';

/** Keep models up to date while a widget is visible. */
export function watchWhileVisible(
  widget: Widget,
  models: readonly Pick<IRemoteModel<unknown>, 'watch'>[]
): void {
  let watches: IDisposable[] = [];
  const watch = () => {
    if (watches.length === 0) {
      watches = models.map(model => model.watch());
    }
  };
  const unwatch = () => {
    watches.forEach(each => each.dispose());
    watches = [];
  };
  MessageLoop.installMessageHook(widget, (_, message: Message) => {
    switch (message.type) {
      case 'after-show':
        watch();
        break;
      case 'after-attach':
        // The widget itself learns only after this that it is visible.
        if (!widget.isHidden && (widget.parent?.isVisible ?? true)) {
          watch();
        }
        break;
      case 'before-detach':
      case 'before-hide':
        unwatch();
        break;
    }
    return true;
  });
}
