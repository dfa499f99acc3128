import { Button } from '@jupyterlab/ui-components';
import React, { useEffect, useMemo, useReducer, useState } from 'react';

import { Empty, Remote } from '../../components/states';
import { useTrans } from '../../components/translation';
import { useRemote } from '../../components/useremote';
import { EXAMPLE } from '../sidebar/jobs';
import { Charts } from './charts';
import { ColumnChooser } from './chooser';
import { type IComparison, shownColumns } from './columns';
import { Flag } from './linecontrols';
import { Highlight } from './highlight';
import type { CompareModel } from './model';
import { arrange, filterRuns } from './rows';
import { type IMenuPlace, RunTable } from './table';

/** Milliseconds after the last key before rows are filtered. */
const TYPING = 200;

/** What a comparison asks its surroundings to do. */
export interface ICompareHandlers {
  onOpen: (run: string) => void;
  onRunMenu: (run: string, place: IMenuPlace) => void;
  onColumnMenu: (column: string, place: IMenuPlace) => void;
  onAddMenu: (place: IMenuPlace) => void;
  onPictureMenu: (chart: number, title: string, place: IMenuPlace) => void;
  onMoreMenu: (place: IMenuPlace) => void;
  onStart: () => Promise<void>;
}

export interface IComparePanelProps extends ICompareHandlers {
  model: CompareModel;
  highlight: Highlight;
}

/** Runs side by side: a table of them, and charts. */
export function ComparePanel(props: IComparePanelProps): JSX.Element {
  const trans = useTrans();
  const { model } = props;
  useRemote(model);
  useView(model);
  return (
    <>
      <Toolbar {...props} />
      <Remote model={model} onStart={props.onStart}>
        {comparison =>
          comparison.runs.length > 0 ? (
            <Body {...props} comparison={comparison} />
          ) : model.view.runs === null ? (
            <Empty code={EXAMPLE}>
              {trans.__(
                'Every training job is a run that can be compared here: its hyperparameters, its metrics and their curves.'
              )}
            </Empty>
          ) : (
            <p className="jp-MLStudio-nothing">
              {trans.__('None of these runs is there any more.')}
            </p>
          )
        }
      </Remote>
    </>
  );
}

/** Draw again whenever the view changes. */
export function useView(model: CompareModel): void {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const slot = () => redraw();
    model.viewChanged.connect(slot);
    return () => {
      model.viewChanged.disconnect(slot);
    };
  }, [model]);
}

function Body(
  props: IComparePanelProps & { comparison: IComparison }
): JSX.Element {
  const trans = useTrans();
  const { comparison, model } = props;
  const { view } = model;
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const rows = useMemo(
    () => arrange(comparison, view, closed),
    [comparison, view, closed]
  );
  const columns = useMemo(
    () => shownColumns(comparison, view),
    [comparison, view]
  );
  const toggle = (key: string) => {
    const changed = new Set(closed);
    if (!changed.delete(key)) {
      changed.add(key);
    }
    setClosed(changed);
  };
  return (
    <div className="jp-MLStudio-compareBody">
      {rows.length > 0 ? (
        <RunTable
          {...props}
          rows={rows}
          columns={columns}
          closed={closed}
          onToggleGroup={toggle}
        />
      ) : (
        <p className="jp-MLStudio-nothing">
          {trans.__('No run is like that.')}
        </p>
      )}
      <Charts {...props} />
    </div>
  );
}

function Toolbar(props: IComparePanelProps): JSX.Element {
  const trans = useTrans();
  const { model } = props;
  const { value, view } = model;
  const found = useMemo(
    () => (value === null ? 0 : filterRuns(value, view).length),
    [value, view]
  );
  return (
    <div className="jp-MLStudio-toolbar" role="toolbar">
      <FilterBox model={model} />
      <ColumnChooser model={model} />
      <GroupChooser model={model} />
      <Flag
        label={trans.__('Differences only')}
        value={view.differences}
        onChange={differences => model.update({ differences })}
      />
      <MenuTextButton label={trans.__('Add chart')} onOpen={props.onAddMenu} />
      <MenuTextButton label={trans.__('More')} onOpen={props.onMoreMenu} />
      <output className="jp-MLStudio-count">
        {value && trans._n('%1 run', '%1 runs', found)}
        {value?.truncated && ` ${trans.__('(the latest)')}`}
      </output>
    </div>
  );
}

function MenuTextButton(props: {
  label: string;
  onOpen: (place: IMenuPlace) => void;
}): JSX.Element {
  return (
    <Button
      small
      aria-haspopup="menu"
      onClick={(event: React.MouseEvent<HTMLElement>) => {
        const { bottom, left } = event.currentTarget.getBoundingClientRect();
        props.onOpen({ x: left, y: bottom });
      }}
    >
      {props.label}
    </Button>
  );
}

function FilterBox(props: { model: CompareModel }): JSX.Element {
  const trans = useTrans();
  const { model } = props;
  const [text, setText] = useState(model.view.filter);
  const { filter } = model.view;
  useEffect(() => setText(filter), [filter]);
  useEffect(() => {
    if (text === model.view.filter) {
      return;
    }
    const timer = setTimeout(() => model.update({ filter: text }), TYPING);
    return () => clearTimeout(timer);
  }, [text, model]);
  return (
    <input
      type="search"
      className="jp-mod-styled jp-MLStudio-filter"
      placeholder={trans.__('Name, or a condition such as eta<0.1')}
      aria-label={trans.__('Filter runs')}
      value={text}
      onChange={event => setText(event.target.value)}
    />
  );
}

/** By which columns runs are grouped: one after the other. */
function GroupChooser(props: { model: CompareModel }): JSX.Element {
  const trans = useTrans();
  const { model } = props;
  const { value, view } = model;
  const names = (value?.parameters ?? []).map(each => `p:${each.name}`);
  const choices = ['status', ...names].filter(id => !view.groups.includes(id));
  const title = (id: string) =>
    id === 'status' ? trans.__('Status') : id.slice(2);
  return (
    <span className="jp-MLStudio-groups">
      <label>
        {trans.__('Group by')}{' '}
        <select
          className="jp-mod-styled"
          value=""
          onChange={event =>
            model.update({ groups: [...view.groups, event.target.value] })
          }
        >
          <option value="">{view.groups.length > 0 ? '+' : '–'}</option>
          {choices.map(id => (
            <option key={id} value={id}>
              {title(id)}
            </option>
          ))}
        </select>
      </label>
      {view.groups.map(id => (
        <button
          key={id}
          className="jp-MLStudio-chip"
          title={trans.__('Do not group by %1', title(id))}
          onClick={() =>
            model.update({ groups: view.groups.filter(each => each !== id) })
          }
        >
          {title(id)} ×
        </button>
      ))}
    </span>
  );
}
