import React, { type ReactNode, useId } from 'react';

import { useTrans } from '../../components/translation';
import { keyOf, type Path } from '../../model/paths';
import { useForm, useMember } from './context';

/** What an input is given so that its label, help and problem are found. */
export interface IControl {
  id: string;
  'aria-describedby': string;
  'aria-invalid': boolean;
  'aria-required': boolean;
}

/** A label, an input, what is wrong and what there is to know. */
export function Field(props: {
  label: string;
  help?: ReactNode;
  /** Long help, which opens on demand. */
  more?: string | undefined;
  problem?: string | undefined;
  required?: boolean;
  children: (control: IControl) => ReactNode;
}): JSX.Element {
  const trans = useTrans();
  const id = useId();
  const { help, more, problem } = props;
  return (
    <div className="jp-MLStudio-field" data-invalid={problem ? '' : undefined}>
      <div className="jp-MLStudio-fieldLabel">
        <label htmlFor={id}>{props.label}</label>
        {props.required && (
          <span className="jp-MLStudio-required">{trans.__('required')}</span>
        )}
      </div>
      {props.children({
        id,
        'aria-describedby': `${id}-problem ${id}-help`,
        'aria-invalid': problem !== undefined,
        'aria-required': props.required ?? false
      })}
      <div id={`${id}-problem`} className="jp-MLStudio-problem">
        {problem}
      </div>
      <div id={`${id}-help`} className="jp-MLStudio-help">
        {help}
      </div>
      {more && (
        <details className="jp-MLStudio-more">
          <summary aria-label={trans.__('About %1', props.label)}>
            {trans.__('About')}
          </summary>
          <p>{more}</p>
        </details>
      )}
    </div>
  );
}

interface IMemberProps {
  path: Path;
  label: string;
  help?: ReactNode;
  /** Whether the model's documentation is at hand. */
  documented?: boolean;
}

/** A member that is text or a number. */
export function TextField(
  props: IMemberProps & {
    placeholder?: string;
    suggestions?: readonly string[];
    /** Whether a place in S3 can be looked for: an object, or a folder too. */
    s3?: 'folder' | 'object';
  }
): JSX.Element {
  const trans = useTrans();
  const { chooseUri } = useForm();
  const { documentation, isRequired, problem, set, shape, value } = useMember(
    props.path
  );
  const isNumber = isNumeric(shape?.type);
  const text =
    typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  return (
    <Field
      label={props.label}
      help={props.help}
      more={props.documented ? documentation : undefined}
      problem={problem}
      required={isRequired}
    >
      {control => (
        <div className="jp-MLStudio-inputRow">
          <input
            {...control}
            className="jp-mod-styled"
            // Not type="number": what is no number must be shown and said to be wrong.
            inputMode={isNumber ? 'numeric' : 'text'}
            spellCheck={false}
            autoComplete="off"
            placeholder={props.placeholder}
            list={props.suggestions && `${control.id}-list`}
            value={text}
            onChange={event => set(read(event.target.value, isNumber))}
          />
          {props.suggestions && (
            <datalist id={`${control.id}-list`}>
              {props.suggestions.map(each => (
                <option key={each} value={each} />
              ))}
            </datalist>
          )}
          {props.s3 && (
            <button
              type="button"
              className="jp-MLStudio-button"
              aria-label={trans.__('Choose %1', props.label)}
              onClick={() =>
                void chooseUri(text, props.s3 === 'folder').then(uri => {
                  if (uri !== null) {
                    set(uri);
                  }
                })
              }
            >
              {trans.__('Choose…')}
            </button>
          )}
        </div>
      )}
    </Field>
  );
}

/** A member with a few possible values. */
export function ChoiceField(
  props: IMemberProps & {
    options: readonly (readonly [string, string])[];
  }
): JSX.Element {
  const trans = useTrans();
  const { documentation, isRequired, problem, set, value } = useMember(
    props.path
  );
  const chosen = typeof value === 'string' ? value : '';
  const isKnown = props.options.some(([option]) => option === chosen);
  return (
    <Field
      label={props.label}
      help={props.help}
      more={props.documented ? documentation : undefined}
      problem={problem}
      required={isRequired}
    >
      {control => (
        <select
          {...control}
          className="jp-mod-styled"
          value={chosen}
          onChange={event => set(event.target.value || undefined)}
        >
          {!isKnown && (
            <option value={chosen}>{chosen || trans.__('Choose…')}</option>
          )}
          {isKnown && !isRequired && <option value="">–</option>}
          {props.options.map(([option, title]) => (
            <option key={option} value={option}>
              {title}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** A part of the form under its own heading. */
export function Part(props: {
  title: string;
  hint?: string;
  path?: Path;
  children: ReactNode;
}): JSX.Element {
  const { model } = useForm();
  const problem = props.path && model.problems.get(keyOf(props.path));
  return (
    <section className="jp-MLStudio-part" aria-label={props.title}>
      <h2>{props.title}</h2>
      {props.hint && <p className="jp-MLStudio-help">{props.hint}</p>}
      {problem && (
        <p className="jp-MLStudio-problem" data-invalid="">
          {problem}
        </p>
      )}
      {props.children}
    </section>
  );
}

export function isNumeric(type: string | undefined): boolean {
  return ['integer', 'long', 'float', 'double'].includes(type ?? '');
}

/** What was typed, as the request has it; what should be a number and is none stays text. */
export function read(text: string, isNumber: boolean): unknown {
  if (text === '') {
    return undefined;
  }
  const number = Number(text);
  return isNumber && text.trim() !== '' && Number.isFinite(number)
    ? number
    : text;
}
