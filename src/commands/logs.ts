import {
  Clipboard,
  Dialog,
  InputDialog,
  Notification,
  showDialog
} from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import type { ILogPlace, ILogReference, LogKind } from '../api/logs';
import { mlstudioIcon } from '../icons';
import { logs } from '../panels/logs/current';
import { type ILogLink, parseLink } from '../panels/logs/links';
import type { LogModel } from '../panels/logs/model';
import { TIME_STYLES } from '../panels/logs/times';
import type { IMLStudio } from '../tokens';
import { CommandIDs, LOG_COMMANDS } from './ids';
import { nameOf, NO_ARGS } from './support';

const LOG_ARGS = {
  args: {
    type: 'object',
    required: ['name'],
    properties: {
      name: { type: 'string', description: 'The name of the resource' },
      kind: {
        type: 'string',
        enum: ['Endpoint', 'ProcessingJob', 'TrainingJob'],
        description: 'What it is; a training job by default'
      },
      stream: { type: 'string', description: 'The log stream of a line' },
      line: {
        type: 'integer',
        minimum: 1,
        description: 'The line of that stream to show'
      }
    }
  }
} as const;

const LINK_ARGS = {
  args: {
    type: 'object',
    required: ['search'],
    properties: {
      search: { type: 'string', description: 'The query of an address' }
    }
  }
} as const;

/** What opens logs. */
export interface ILogOpener {
  open(place: ILogPlace, line: ILogReference | null): Promise<void>;
  /** Open what the address of the page leads to, and take that out of it. */
  follow(link: ILogLink): Promise<void>;
}

/** Add the commands that open logs, and those about the log that the user is in. */
export function addLogCommands(
  commands: CommandRegistry,
  studio: IMLStudio,
  opener: ILogOpener,
  trans: TranslationBundle
): void {
  commands.addCommand(CommandIDs.openLog, {
    label: trans.__('Open Log'),
    icon: mlstudioIcon,
    describedBy: LOG_ARGS,
    execute: args =>
      opener.open({ kind: kindOf(args), name: nameOf(args) }, lineOf(args))
  });
  commands.addCommand(CommandIDs.openLogLink, {
    label: trans.__('Open the Log that a Link Leads to'),
    describedBy: LINK_ARGS,
    execute: async args => {
      const link = parseLink(String(args['search'] ?? ''));
      if (link) {
        await opener.follow(link);
      }
    }
  });
  const add = (
    id: string,
    label: string,
    run: (log: LogModel) => Promise<void> | void,
    isToggled?: (log: LogModel) => boolean
  ) =>
    commands.addCommand(id, {
      label,
      describedBy: NO_ARGS,
      isEnabled: () => current() !== null,
      ...(isToggled && {
        isToggled: () => {
          const log = current();
          return log !== null && isToggled(log);
        }
      }),
      execute: async () => {
        const log = current();
        if (log) {
          await run(log);
        }
      }
    });
  add(CommandIDs.findInLog, trans.__('Find in Log'), log => log.askForText());
  add(CommandIDs.findNextInLog, trans.__('Next Match in Log'), log =>
    log.go.toMatch(false)
  );
  add(CommandIDs.findPreviousInLog, trans.__('Previous Match in Log'), log =>
    log.go.toMatch(true)
  );
  add(CommandIDs.goToFirstError, trans.__('First Error in Log'), log =>
    goToError(log, 'first', trans)
  );
  add(CommandIDs.goToNextError, trans.__('Next Error in Log'), log =>
    goToError(log, 'next', trans)
  );
  add(CommandIDs.goToLogLine, trans.__('Go to Line of Log…'), log =>
    askForLine(log, trans)
  );
  add(
    CommandIDs.toggleLogFollow,
    trans.__('Follow Log'),
    log => {
      log.following = !log.following;
    },
    log => log.following
  );
  add(
    CommandIDs.toggleLogWrap,
    trans.__('Wrap Lines of Log'),
    log => {
      log.look = { ...log.look, wrap: !log.look.wrap };
    },
    log => log.look.wrap
  );
  add(CommandIDs.changeLogTimes, trans.__('Other Times in Log'), log => {
    const next = TIME_STYLES.indexOf(log.look.times) + 1;
    const times = TIME_STYLES[next % TIME_STYLES.length] ?? 'local';
    log.look = { ...log.look, times };
  });
  add(CommandIDs.copyLogLink, trans.__('Copy Link to Line of Log'), log =>
    copyLink(log, trans)
  );
  add(CommandIDs.downloadLog, trans.__('Download Log'), log =>
    download(studio.client.logUrl(log.place, log.streams))
  );
  add(CommandIDs.showLogKeys, trans.__('Keys in Logs'), () =>
    showKeys(commands, trans)
  );
}

function current(): LogModel | null {
  return logs.current?.isDisposed === false ? logs.current : null;
}

function kindOf(args: ReadonlyPartialJSONObject): LogKind {
  const { kind = 'TrainingJob' } = args;
  if (
    kind !== 'TrainingJob' &&
    kind !== 'ProcessingJob' &&
    kind !== 'Endpoint'
  ) {
    throw new Error(`There are no logs of a ${String(kind)}.`);
  }
  return kind;
}

function lineOf(args: ReadonlyPartialJSONObject): ILogReference | null {
  const { line, stream } = args;
  return typeof stream === 'string' && typeof line === 'number'
    ? { LogStreamName: stream, StreamLineNumber: Math.max(0, line - 1) }
    : null;
}

async function goToError(
  log: LogModel,
  where: 'first' | 'next',
  trans: TranslationBundle
): Promise<void> {
  if (!(await log.go.toError(where))) {
    Notification.info(trans.__('The log of %1 has no error', log.place.name), {
      autoClose: 3000
    });
  }
}

async function askForLine(
  log: LogModel,
  trans: TranslationBundle
): Promise<void> {
  const { value } = await InputDialog.getNumber({
    title: trans.__('Go to line'),
    value: (log.go.target ?? 0) + 1
  });
  if (value !== null && Number.isFinite(value)) {
    const last = (log.value?.LineCount ?? 1) - 1;
    const number = Math.round(value) - 1;
    await log.go.toLine(Math.min(Math.max(0, number), Math.max(0, last)));
  }
}

function copyLink(log: LogModel, trans: TranslationBundle): void {
  const line = log.go.line;
  const link = line && log.linkTo(line);
  if (link) {
    Clipboard.copyToSystem(link);
    Notification.success(trans.__('The link is in the clipboard'), {
      autoClose: 3000
    });
  }
}

/** Let the browser save what a URL sends, without that anything of it is held here. */
function download(url: string): void {
  const link = document.createElement('a');
  link.href = url;
  link.download = '';
  document.body.append(link);
  link.click();
  link.remove();
}

async function showKeys(
  commands: CommandRegistry,
  trans: TranslationBundle
): Promise<void> {
  const list = document.createElement('dl');
  list.className = 'jp-MLStudio-facts';
  for (const id of LOG_COMMANDS) {
    const keys = commands.keyBindings
      .filter(binding => binding.command === id)
      .map(binding => binding.keys.join(' '));
    if (keys.length > 0) {
      const [term, fact] = ['dt', 'dd'].map(tag => document.createElement(tag));
      term?.append(keys.join(', '));
      fact?.append(commands.label(id));
      list.append(...[term, fact].filter(node => node !== undefined));
    }
  }
  const { Widget } = await import('@lumino/widgets');
  await showDialog({
    title: trans.__('Keys in logs'),
    body: new Widget({ node: list }),
    buttons: [Dialog.okButton({ label: trans.__('Close') })]
  });
}
