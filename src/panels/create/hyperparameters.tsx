import { Button } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import React, { useState } from 'react';

import type { IHyperparameter } from '../../api/types';
import { useTrans } from '../../components/translation';
import { imageOf } from '../../model/jobform';
import { isMembers, keyOf, type Path, valueAt } from '../../model/paths';
import { useForm } from './context';
import { Field, Part } from './fields';

const PARAMETERS: Path = ['HyperParameters'];

/** What the algorithm is told: names and values, those it knows with their ranges. */
export function Hyperparameters(): JSX.Element {
  const trans = useTrans();
  const { form, model } = useForm();
  const request = model.draft?.request;
  const found = valueAt(request, PARAMETERS);
  const parameters = isMembers(found) ? found : {};
  const hasScript =
    model.draft?.script !== null || 'sagemaker_program' in parameters;
  const image = imageOf(request, form.images);
  const known = hasScript ? [] : (image?.hyperparameters ?? []);
  const names = Object.keys(parameters).filter(
    name => !name.startsWith('sagemaker_')
  );
  const set = (name: string, value: string | undefined) =>
    model.set([...PARAMETERS, name], value);
  return (
    <Part title={trans.__('Hyperparameters')} path={PARAMETERS}>
      {names.map(name => {
        const parameter = known.find(each => each.name === name);
        return (
          <Parameter
            key={name}
            name={name}
            parameter={parameter}
            value={String(parameters[name] ?? '')}
            problem={model.problems.get(keyOf([...PARAMETERS, name]))}
            onChange={value => set(name, value)}
            onRemove={() => set(name, undefined)}
          />
        );
      })}
      <NewParameter
        known={known.filter(each => !names.includes(each.name))}
        taken={names}
        onAdd={name => set(name, '')}
      />
    </Part>
  );
}

function Parameter(props: {
  name: string;
  parameter: IHyperparameter | undefined;
  value: string;
  problem: string | undefined;
  onChange: (value: string) => void;
  onRemove: () => void;
}): JSX.Element {
  const trans = useTrans();
  const { name, parameter } = props;
  return (
    <Field
      label={name}
      help={parameter && rangeOf(parameter, trans)}
      problem={props.problem}
      required={parameter?.required ?? false}
    >
      {control => (
        <div className="jp-MLStudio-inputRow">
          <input
            {...control}
            className="jp-mod-styled"
            spellCheck={false}
            autoComplete="off"
            list={parameter?.choices && `${control.id}-list`}
            placeholder={parameter?.default}
            value={props.value}
            onChange={event => props.onChange(event.target.value)}
          />
          {parameter?.choices && (
            <datalist id={`${control.id}-list`}>
              {parameter.choices.map(each => (
                <option key={each} value={each} />
              ))}
            </datalist>
          )}
          {!parameter?.required && (
            <Button
              small
              minimal
              aria-label={trans.__('Remove %1', name)}
              onClick={props.onRemove}
            >
              {trans.__('Remove')}
            </Button>
          )}
        </div>
      )}
    </Field>
  );
}

function NewParameter(props: {
  known: readonly IHyperparameter[];
  taken: readonly string[];
  onAdd: (name: string) => void;
}): JSX.Element {
  const trans = useTrans();
  const [name, setName] = useState('');
  const isTaken = props.taken.includes(name);
  const add = () => {
    if (name && !isTaken) {
      props.onAdd(name);
      setName('');
    }
  };
  return (
    <Field
      label={trans.__('New hyperparameter')}
      problem={isTaken ? trans.__('It is there already.') : undefined}
    >
      {control => (
        <div className="jp-MLStudio-inputRow">
          <input
            {...control}
            className="jp-mod-styled"
            spellCheck={false}
            autoComplete="off"
            list={`${control.id}-list`}
            placeholder={trans.__('Name')}
            value={name}
            onChange={event => setName(event.target.value)}
            onKeyDown={event => {
              if (event.key === 'Enter') {
                event.preventDefault();
                add();
              }
            }}
          />
          <datalist id={`${control.id}-list`}>
            {props.known.map(each => (
              <option key={each.name} value={each.name} />
            ))}
          </datalist>
          <Button small disabled={!name || isTaken} onClick={add}>
            {trans.__('Add')}
          </Button>
        </div>
      )}
    </Field>
  );
}

/** What a hyperparameter may be, and what it is when it is not given. */
export function rangeOf(
  parameter: IHyperparameter,
  trans: TranslationBundle
): string {
  const { above, below, choices, max, min } = parameter;
  const bounds = [
    ...(min === undefined ? [] : [trans.__('at least %1', min)]),
    ...(above === undefined ? [] : [trans.__('above %1', above)]),
    ...(max === undefined ? [] : [trans.__('at most %1', max)]),
    ...(below === undefined ? [] : [trans.__('below %1', below)])
  ];
  const kinds: Record<string, string> = {
    integer: trans.__('a whole number'),
    float: trans.__('a number')
  };
  const kind = choices ? choices.join(', ') : kinds[parameter.type];
  const range = [...(kind ? [kind] : []), ...bounds].join(', ');
  return parameter.default === undefined
    ? range
    : trans.__('%1; by default %2', range, parameter.default);
}
