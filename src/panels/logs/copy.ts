import { Clipboard, Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { LogModel } from './model';

/** Lines that one request brings. */
const AT_ONCE = 5_000;

/** The most lines that are copied; a clipboard is no place for more. */
const MOST_COPIED = 200_000;

/** Copy rows, some of which have to be fetched first. */
export async function copyRows(
  model: LogModel,
  first: number,
  last: number,
  cut: (all: string[]) => string,
  trans: TranslationBundle
): Promise<void> {
  const count = last - first + 1;
  if (count > MOST_COPIED) {
    Notification.error(
      trans.__(
        '%1 lines are too many to copy. Download the log instead.',
        count
      ),
      { autoClose: 8000 }
    );
    return;
  }
  try {
    await toClipboard(cut(await wholeRows(model, first, last)));
    Notification.success(
      trans._n(
        '%1 line is in the clipboard',
        '%1 lines are in the clipboard',
        count
      ),
      { autoClose: 3000 }
    );
  } catch (reason) {
    Notification.error(
      trans.__('The lines could not be copied: %1', String(reason)),
      { autoClose: 8000 }
    );
  }
}

/** Put text into the clipboard, also a while after the key was pressed. */
async function toClipboard(text: string): Promise<void> {
  if (window.isSecureContext) {
    await navigator.clipboard.writeText(text);
  } else {
    Clipboard.copyToSystem(text);
  }
}

/** Return the whole text of rows, also of those that are not here. */
export async function wholeRows(
  model: LogModel,
  first: number,
  last: number
): Promise<string[]> {
  const texts: string[] = [];
  while (first + texts.length <= last) {
    const row = first + texts.length;
    const line = model.row(row);
    if (model.filter && line) {
      const isCut = line.Length > line.Message.length;
      const whole = isCut ? await model.whole(line.LineNumber ?? 0, 1) : [];
      texts.push(whole[0] ?? line.Message);
      continue;
    }
    const page = await model.whole(row, Math.min(AT_ONCE, last - row + 1));
    if (page.length === 0) {
      break;
    }
    texts.push(...page);
  }
  return texts;
}
