import { Button } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import React from 'react';

import { CommandIDs } from '../../commands/ids';
import { Skeleton, Trouble } from '../../components/states';
import { useTrans } from '../../components/translation';
import { useRemote } from '../../components/useremote';
import { copyRows } from './copy';
import { logs } from './current';
import { LogLines } from './lines';
import type { LogModel } from './model';
import { LogToolbar } from './toolbar';

export interface ILogPanelProps {
  model: LogModel;
  commands: CommandRegistry;
  /** Whether it is part of a panel about something else. */
  compact?: boolean;
}

/** The log of a resource: read, followed, searched, filtered, copied. */
export function LogPanel(props: ILogPanelProps): JSX.Element {
  const trans = useTrans();
  const { commands, compact, model } = props;
  useRemote(model);
  const { filter } = model;
  const isEmpty = model.value !== null && model.count === 0;
  return (
    <div
      className={`jp-MLStudio-log${compact ? ' jp-mod-compact' : ''}`}
      onFocusCapture={() => {
        logs.current = model;
      }}
      onPointerDownCapture={() => {
        logs.current = model;
      }}
    >
      <LogToolbar
        model={model}
        commands={commands}
        compact={compact ?? false}
      />
      {model.error && (
        <Trouble
          error={model.error}
          onRetry={() => model.refresh()}
          onStart={() => commands.execute(CommandIDs.startStudio)}
        />
      )}
      {filter?.error && (
        <p className="jp-MLStudio-nothing" role="alert">
          {filter.error}
        </p>
      )}
      {model.value === null && !model.error && <Skeleton rows={6} />}
      {isEmpty && (
        <p className="jp-MLStudio-nothing" role="status">
          {!filter
            ? trans.__(
                'Nothing was logged yet. Lines appear here as they come.'
              )
            : filter.hasMore
              ? trans.__('Looking…')
              : trans.__('No line is like that.')}
        </p>
      )}
      {model.value !== null && !isEmpty && (
        <LogLines
          model={model}
          look={model.look}
          linkOf={line => model.linkTo(line)}
          onLink={line => {
            void model.go.toLine(line.LineNumber ?? 0);
            void commands.execute(CommandIDs.copyLogLink);
          }}
          onCopy={(first, last, cut) =>
            void copyRows(model, first, last, cut, trans)
          }
        />
      )}
      {filter?.isFull && (
        <p className="jp-MLStudio-nothing" role="status">
          {trans.__(
            'Only the last %1 lines are here. Look for something closer, or download the log.',
            model.count
          )}
        </p>
      )}
      {model.news > 0 && (
        <div className="jp-MLStudio-logNews">
          <Button
            small
            onClick={() => {
              model.following = true;
            }}
          >
            {trans._n('%1 new line', '%1 new lines', model.news)}
          </Button>
        </div>
      )}
    </div>
  );
}
