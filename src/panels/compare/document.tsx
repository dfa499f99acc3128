import type { DocumentRegistry } from '@jupyterlab/docregistry';
import { Panel } from '@lumino/widgets';

import { CompareModel, CompareWidget, type ICompareSurroundings } from '.';
import { formatView, parseView } from './view';

/** Show a file with a view in a panel, and keep in the file what the user changes. */
export function fillDocument(
  panel: Panel,
  context: DocumentRegistry.Context,
  surroundings: ICompareSurroundings
): CompareModel {
  const model = new CompareModel(
    surroundings.studio,
    parseView(context.model.toString())
  );
  let text = context.model.toString();
  model.viewChanged.connect(() => {
    text = formatView(model.snapshot());
    context.model.fromString(text);
  });
  context.model.contentChanged.connect(() => {
    const now = context.model.toString();
    if (now !== text) {
      text = now;
      model.open(parseView(now));
    }
  });
  panel.addWidget(new CompareWidget(model, surroundings));
  return model;
}
