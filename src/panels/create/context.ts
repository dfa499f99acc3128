import { type Context, createContext, useContext } from 'react';

import type { IShape, ITrainingJobForm } from '../../api/types';
import type { JobFormModel } from '../../model/jobform';
import { keyOf, type Path, valueAt } from '../../model/paths';

/** What all parts of the form share. */
export interface IFormContext {
  model: JobFormModel;
  form: ITrainingJobForm;
  /** Have the user choose a place in S3; resolves to its URI, or null. */
  chooseUri: (start: string, folder: boolean) => Promise<string | null>;
  /** Have the user choose a file of the Jupyter server; resolves to its path, or null. */
  chooseFile: () => Promise<string | null>;
}

export const FormContext: Context<IFormContext | null> =
  createContext<IFormContext | null>(null);

export function useForm(): IFormContext {
  const context = useContext(FormContext);
  if (!context) {
    throw new Error('This is no part of a form.');
  }
  return context;
}

/** A member of the request: its value, what is wrong with it, what the model says of it. */
export interface IMember {
  value: unknown;
  problem: string | undefined;
  shape: IShape | undefined;
  documentation: string;
  isRequired: boolean;
  /** Whether it is one of a list or map, which has a button that removes it. */
  isItem: boolean;
  set: (value: unknown) => void;
}

export function useMember(path: Path): IMember {
  const { form, model } = useForm();
  const item = isItem(form, path);
  return {
    ...describe(form, path),
    isItem: item,
    value: valueAt(model.draft?.request, path),
    problem: model.problems.get(keyOf(path)),
    // An item of a list or map that is emptied stays: it goes by its own button.
    set: value => model.set(path, value === undefined && item ? '' : value)
  };
}

function isItem(form: ITrainingJobForm, path: Path): boolean {
  const { shape } = describe(form, path.slice(0, -1));
  return shape?.type === 'list' || shape?.type === 'map';
}

/** What the model says of the member at a path. */
export function describe(
  { shapes }: Pick<ITrainingJobForm, 'shapes'>,
  path: Path
): Pick<IMember, 'shape' | 'documentation' | 'isRequired'> {
  let shape = shapes.Shapes[shapes.Input];
  let documentation = '';
  let isRequired = false;
  for (const step of path) {
    const member = shape?.members?.[step];
    isRequired = shape?.required?.includes(String(step)) ?? false;
    documentation = member?.documentation ?? '';
    shape = shapes.Shapes[member?.shape ?? shape?.member ?? shape?.value ?? ''];
  }
  return { documentation, isRequired, shape };
}
