import { Dialog, showDialog, showErrorMessage } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

export const NO_ARGS = { args: { type: 'object', properties: {} } } as const;

export const NAME_ARG = {
  args: {
    type: 'object',
    required: ['name'],
    properties: {
      name: { type: 'string', description: 'The name of the resource' }
    }
  }
} as const;

export const NAMES_ARG = {
  args: {
    type: 'object',
    required: ['names'],
    properties: {
      names: {
        type: 'array',
        items: { type: 'string' },
        description: 'The names of the resources'
      }
    }
  }
} as const;

/** For what a list has asked the user about already. */
export const CONFIRMED_ARG = {
  args: {
    type: 'object',
    properties: {
      confirmed: {
        type: 'boolean',
        description: 'Whether the user has agreed to it already'
      }
    }
  }
} as const;

export function nameOf(args: ReadonlyPartialJSONObject): string {
  const { name } = args;
  if (typeof name !== 'string' || name === '') {
    throw new Error('The argument "name" is missing.');
  }
  return name;
}

export function namesOf(args: ReadonlyPartialJSONObject): string[] {
  const { names } = args;
  if (!Array.isArray(names) || names.length === 0) {
    throw new Error('The argument "names" is missing.');
  }
  return names.map(String);
}

/** Do something with each; what failed is said at the end, all of it. */
export async function each(
  names: readonly string[],
  action: (name: string) => Promise<void>
): Promise<void> {
  const problems: string[] = [];
  for (const name of names) {
    try {
      await action(name);
    } catch (reason) {
      problems.push(`${name}: ${textOf(reason)}`);
    }
  }
  if (problems.length > 0) {
    throw new Error(problems.join('\n'));
  }
}

/** Do what cannot be taken back once the user has agreed to it. */
export async function confirmed(
  trans: TranslationBundle,
  step: {
    title: string;
    body: string;
    label: string;
    failure: string;
    action: () => Promise<void>;
  }
): Promise<void> {
  const { button } = await showDialog({
    title: step.title,
    body: step.body,
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({ label: step.label })
    ]
  });
  if (button.accept) {
    await reportErrors(step.failure, step.action);
  }
}

export async function reportErrors(
  title: string,
  action: () => Promise<void>
): Promise<void> {
  try {
    await action();
  } catch (reason) {
    await showErrorMessage(title, textOf(reason));
  }
}

export function textOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
