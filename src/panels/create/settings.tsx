import { Button } from '@jupyterlab/ui-components';
import React, { useState } from 'react';

import type { IShape } from '../../api/types';
import { useTrans } from '../../components/translation';
import { isMembers, keyOf, type Path } from '../../model/paths';
import { useForm, useMember } from './context';
import { ChoiceField, Field, TextField } from './fields';

/** Every member that the API takes, as its model describes them. */
export function AllSettings(): JSX.Element {
  const { form } = useForm();
  const request = form.shapes.Shapes[form.shapes.Input];
  return (
    <div className="jp-MLStudio-part">
      {request && <Members shape={request} path={[]} />}
    </div>
  );
}

function Members(props: { shape: IShape; path: Path }): JSX.Element {
  const members = Object.keys(props.shape.members ?? {});
  const required = new Set(props.shape.required ?? []);
  const ordered = [
    ...members.filter(name => required.has(name)),
    ...members.filter(name => !required.has(name))
  ];
  return (
    <>
      {ordered.map(name => (
        <Member key={name} path={[...props.path, name]} label={name} />
      ))}
    </>
  );
}

/** One member, whatever its shape. */
function Member(props: { path: Path; label: string }): JSX.Element | null {
  const { label, path } = props;
  const { shape } = useMember(path);
  switch (shape?.type) {
    case undefined:
      return null;
    case 'structure':
    case 'list':
    case 'map':
      return <Compound {...props} />;
    case 'boolean':
      return <BooleanField {...props} />;
    default:
      return shape?.enum && shape.enum.length < 60 ? (
        <ChoiceField
          path={path}
          label={label}
          documented
          options={shape.enum.map(each => [each, each] as const)}
        />
      ) : (
        <TextField
          path={path}
          label={label}
          documented
          {...(label.endsWith('S3Uri') || label.endsWith('S3OutputPath')
            ? { s3: 'folder' as const }
            : {})}
          {...(shape?.enum ? { suggestions: shape.enum } : {})}
        />
      );
  }
}

function BooleanField(props: { path: Path; label: string }): JSX.Element {
  const { documentation, problem, set, value } = useMember(props.path);
  return (
    <Field label={props.label} more={documentation} problem={problem}>
      {control => (
        <select
          {...control}
          className="jp-mod-styled"
          value={typeof value === 'boolean' ? String(value) : ''}
          onChange={event =>
            set(
              event.target.value === ''
                ? undefined
                : event.target.value === 'true'
            )
          }
        >
          <option value="">–</option>
          {['true', 'false'].map(each => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** A structure, list or map: absent until the user adds it. */
function Compound(props: { path: Path; label: string }): JSX.Element {
  const trans = useTrans();
  const { label, path } = props;
  const { model } = useForm();
  const { documentation, isItem, isRequired, problem, set, shape, value } =
    useMember(path);
  const isThere = value !== undefined;
  const hasProblem = [...model.problems.keys()].some(key =>
    `${key}.`.startsWith(`${keyOf(path)}.`)
  );
  return (
    <details
      className="jp-MLStudio-group"
      open={(isThere && (isRequired || isItem)) || hasProblem || undefined}
    >
      <summary>
        {label}
        {isRequired && (
          <span className="jp-MLStudio-required"> {trans.__('required')}</span>
        )}
        {!isThere && (
          <span className="jp-MLStudio-help"> {trans.__('not set')}</span>
        )}
      </summary>
      <p className="jp-MLStudio-help">{documentation}</p>
      {problem && (
        <p className="jp-MLStudio-problem" data-invalid="">
          {problem}
        </p>
      )}
      {isThere && shape ? (
        <>
          <Inside shape={shape} path={path} label={label} value={value} />
          {!isRequired && !isItem && (
            <Button
              small
              minimal
              aria-label={trans.__('Remove %1', label)}
              onClick={() => set(undefined)}
            >
              {trans.__('Remove')}
            </Button>
          )}
        </>
      ) : (
        <Button
          small
          aria-label={trans.__('Set %1', label)}
          onClick={() => set(shape?.type === 'list' ? [] : {})}
        >
          {trans.__('Set')}
        </Button>
      )}
    </details>
  );
}

function Inside(props: {
  shape: IShape;
  path: Path;
  label: string;
  value: unknown;
}): JSX.Element {
  const { path, shape, value } = props;
  if (shape.type === 'structure') {
    return <Members shape={shape} path={path} />;
  }
  return shape.type === 'list' ? (
    <Items {...props} items={Array.isArray(value) ? value : []} />
  ) : (
    <Entries {...props} entries={isMembers(value) ? value : {}} />
  );
}

function Items(props: {
  shape: IShape;
  path: Path;
  label: string;
  items: readonly unknown[];
}): JSX.Element {
  const trans = useTrans();
  const { form, model } = useForm();
  const { items, label, path, shape } = props;
  const member = form.shapes.Shapes[shape.member ?? ''];
  const empty = isCompound(member) ? (member?.type === 'list' ? [] : {}) : '';
  return (
    <>
      {items.map((_, index) => (
        <div key={index} className="jp-MLStudio-item">
          <Member
            path={[...path, index]}
            label={trans.__('%1, number %2', label, index + 1)}
          />
          <Button
            small
            minimal
            aria-label={trans.__('Remove %1, number %2', label, index + 1)}
            onClick={() => model.set([...path, index], undefined)}
          >
            {trans.__('Remove')}
          </Button>
        </div>
      ))}
      <Button
        small
        aria-label={trans.__('Add to %1', label)}
        onClick={() => model.set(path, [...items, empty])}
      >
        {trans.__('Add')}
      </Button>
    </>
  );
}

function Entries(props: {
  path: Path;
  label: string;
  entries: Readonly<Record<string, unknown>>;
}): JSX.Element {
  const trans = useTrans();
  const { form, model } = useForm();
  const { shape } = useMember(props.path);
  const [name, setName] = useState('');
  const { entries, label, path } = props;
  const isFree = name !== '' && !(name in entries);
  const member = form.shapes.Shapes[shape?.value ?? ''];
  return (
    <>
      {Object.keys(entries).map(each => (
        <div key={each} className="jp-MLStudio-item">
          <Member path={[...path, each]} label={each} />
          <Button
            small
            minimal
            aria-label={trans.__('Remove %1', each)}
            onClick={() => model.set([...path, each], undefined)}
          >
            {trans.__('Remove')}
          </Button>
        </div>
      ))}
      <div className="jp-MLStudio-inputRow">
        <input
          className="jp-mod-styled"
          aria-label={trans.__('New name in %1', label)}
          placeholder={trans.__('Name')}
          value={name}
          onChange={event => setName(event.target.value)}
        />
        <Button
          small
          disabled={!isFree}
          aria-label={trans.__('Add to %1', label)}
          onClick={() => {
            model.set([...path, name], isCompound(member) ? {} : '');
            setName('');
          }}
        >
          {trans.__('Add')}
        </Button>
      </div>
    </>
  );
}

function isCompound(shape: IShape | undefined): boolean {
  return ['structure', 'list', 'map'].includes(shape?.type ?? '');
}
