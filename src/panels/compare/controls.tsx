import { ellipsesIcon, type LabIcon } from '@jupyterlab/ui-components';
import React from 'react';

import { useTrans } from '../../components/translation';
import { titleOfColumn } from './values';

/** Columns that a list offers at most. */
const MOST = 500;

/** A small button with an icon in place of its words. */
export function IconButton(props: {
  icon: LabIcon;
  label: string;
  onClick: () => void;
}): JSX.Element {
  return (
    <button
      className="jp-MLStudio-menuButton"
      aria-label={props.label}
      title={props.label}
      onClick={props.onClick}
    >
      <props.icon.react tag="span" aria-hidden />
    </button>
  );
}

/** A button that opens a menu below itself. */
export function MenuButton(props: {
  label: string;
  icon?: LabIcon;
  onOpen: (place: { x: number; y: number }) => void;
}): JSX.Element {
  const { icon: Icon = ellipsesIcon, label } = props;
  return (
    <button
      className="jp-MLStudio-menuButton"
      aria-label={label}
      title={label}
      aria-haspopup="menu"
      onClick={event => {
        const { bottom, left } = event.currentTarget.getBoundingClientRect();
        props.onOpen({ x: left, y: bottom });
      }}
    >
      <Icon.react tag="span" aria-hidden />
    </button>
  );
}

/** Chooses one column; `''` is none. */
export function ColumnSelect(props: {
  label: string;
  value: string;
  columns: readonly string[];
  onChange: (id: string) => void;
}): JSX.Element {
  const trans = useTrans();
  const { columns, value } = props;
  const offered = columns.slice(0, MOST);
  const missing = value !== '' && !offered.includes(value) ? [value] : [];
  return (
    <label>
      {props.label}{' '}
      <select
        value={value}
        onChange={event =>
          event.target.value !== '' && props.onChange(event.target.value)
        }
      >
        {value === '' && <option value="">–</option>}
        {[...missing, ...offered].map(id => (
          <option key={id} value={id}>
            {titleOfColumn(id)}
          </option>
        ))}
        {columns.length > MOST && (
          <option disabled>{trans.__('%1 more', columns.length - MOST)}</option>
        )}
      </select>
    </label>
  );
}
