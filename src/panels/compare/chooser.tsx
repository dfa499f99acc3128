import React, { useState } from 'react';

import { useTrans } from '../../components/translation';
import {
  allColumns,
  columnTitle,
  METRIC,
  PARAMETER,
  shownColumns
} from './columns';
import type { CompareModel } from './model';

/** Columns that are offered at once; a search finds the others. */
const MOST = 200;

/** Chooses columns among those there are, which may be thousands. */
export function ColumnChooser(props: { model: CompareModel }): JSX.Element {
  const trans = useTrans();
  const { model } = props;
  const [isOpen, setOpen] = useState(false);
  return (
    <details
      className="jp-MLStudio-chooser"
      onToggle={event => setOpen(event.currentTarget.open)}
      onKeyDown={event => {
        if (event.key === 'Escape') {
          event.currentTarget.open = false;
          event.currentTarget.querySelector('summary')?.focus();
        }
      }}
    >
      <summary>{trans.__('Columns')}</summary>
      {isOpen && <Choices model={model} />}
    </details>
  );
}

function Choices(props: { model: CompareModel }): JSX.Element | null {
  const trans = useTrans();
  const { model } = props;
  const [text, setText] = useState('');
  const { value, view } = model;
  if (value === null) {
    return null;
  }
  const shown = shownColumns(value, { ...view, differences: false });
  const test = matcher(text);
  const found = allColumns(value).filter(id => test(columnTitle(id, trans)));
  const set = (ids: readonly string[], isShown: boolean) => {
    const rest = shown.filter(id => !ids.includes(id));
    const added = ids.filter(id => !shown.includes(id));
    model.update({ columns: isShown ? withColumns(shown, added) : rest });
  };
  return (
    <fieldset>
      <legend>{trans.__('Columns')}</legend>
      <input
        type="search"
        className="jp-mod-styled"
        placeholder={trans.__('Part of a name, or /an expression/')}
        aria-label={trans.__('Find columns')}
        value={text}
        onChange={event => setText(event.target.value)}
      />
      <span className="jp-MLStudio-actions">
        <button className="jp-MLStudio-link" onClick={() => set(found, true)}>
          {trans._n('Show %1', 'Show %1', found.length)}
        </button>
        <button className="jp-MLStudio-link" onClick={() => set(found, false)}>
          {trans._n('Hide %1', 'Hide %1', found.length)}
        </button>
        <button
          className="jp-MLStudio-link"
          onClick={() => model.update({ columns: null })}
        >
          {trans.__('As at first')}
        </button>
      </span>
      {found.slice(0, MOST).map(id => (
        <label
          key={id}
          className={id.startsWith(PARAMETER) ? 'jp-mod-parameter' : undefined}
        >
          <input
            type="checkbox"
            checked={shown.includes(id)}
            onChange={event => set([id], event.target.checked)}
          />{' '}
          {columnTitle(id, trans)}
        </label>
      ))}
      {found.length > MOST && (
        <p>{trans.__('%1 more: search for them.', found.length - MOST)}</p>
      )}
    </fieldset>
  );
}

/** Put columns behind the last of their kind: parameters stay before metrics. */
export function withColumns(
  shown: readonly string[],
  added: readonly string[]
): string[] {
  return added.reduce<string[]>(
    (columns, id) => {
      const kind = id.slice(0, PARAMETER.length);
      const last = columns.map(each => each.startsWith(kind)).lastIndexOf(true);
      const place =
        last >= 0
          ? last + 1
          : kind === PARAMETER
            ? columns.findIndex(each => each.startsWith(METRIC))
            : -1;
      return place < 0
        ? [...columns, id]
        : [...columns.slice(0, place), id, ...columns.slice(place)];
    },
    [...shown]
  );
}

/** Say of names whether they hold a text, or match the expression between two slashes. */
export function matcher(text: string): (name: string) => boolean {
  const [, source] = /^\/(.+)\/$/.exec(text) ?? [];
  if (source !== undefined) {
    try {
      const expression = new RegExp(source, 'i');
      return name => expression.test(name);
    } catch {
      return () => false;
    }
  }
  const part = text.toLowerCase();
  return name => name.toLowerCase().includes(part);
}
