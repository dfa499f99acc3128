import { Button, caretDownIcon, caretUpIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import React, { useEffect, useRef, useState } from 'react';

import { LOG_LEVELS, type LogLevel } from '../../api/logs';
import { CommandIDs } from '../../commands/ids';
import { useTrans } from '../../components/translation';
import { hostName } from './lines';
import type { ISearchText, LogModel } from './model';
import { MOST_MATCHES } from './search';
import { TIME_STYLES, type TimeStyle } from './times';

/** Milliseconds after the last key before a search begins. */
const TYPING = 300;

export interface ILogToolbarProps {
  model: LogModel;
  commands: CommandRegistry;
  /** Whether only what is needed beside other things is shown. */
  compact?: boolean;
}

/** What can be done with a log. */
export function LogToolbar(props: ILogToolbarProps): JSX.Element {
  const trans = useTrans();
  const { commands, compact, model } = props;
  return (
    <div
      className="jp-MLStudio-toolbar jp-MLStudio-logToolbar"
      role="toolbar"
      aria-label={trans.__('Log')}
    >
      <SearchGroup model={model} commands={commands} />
      <LevelChoice model={model} />
      <HostChoice model={model} />
      <CommandButton commands={commands} id={CommandIDs.goToFirstError}>
        {trans.__('First error')}
      </CommandButton>
      <Toggle
        commands={commands}
        id={CommandIDs.toggleLogFollow}
        isOn={model.following}
      >
        {trans.__('Follow')}
      </Toggle>
      <Toggle
        commands={commands}
        id={CommandIDs.toggleLogWrap}
        isOn={model.look.wrap}
      >
        {trans.__('Wrap')}
      </Toggle>
      <TimeChoice model={model} />
      {!compact && (
        <CommandButton commands={commands} id={CommandIDs.copyLogLink}>
          {trans.__('Copy link')}
        </CommandButton>
      )}
      <CommandButton commands={commands} id={CommandIDs.downloadLog}>
        {trans.__('Download')}
      </CommandButton>
      {!compact && (
        <CommandButton commands={commands} id={CommandIDs.showLogKeys}>
          {trans.__('Keys')}
        </CommandButton>
      )}
      <output className="jp-MLStudio-count">{countText(model, trans)}</output>
    </div>
  );
}

function countText(model: LogModel, trans: TranslationBundle): string {
  if (model.counted < 1) {
    return trans.__('Counting lines: %1 %', Math.floor(model.counted * 100));
  }
  const { count, filter } = model;
  const shown = new Intl.NumberFormat(
    document.documentElement.lang || undefined
  ).format(count);
  return filter?.hasMore
    ? trans.__('Last %1 lines that match', shown)
    : trans._n('%2 line', '%2 lines', count, shown);
}

function SearchGroup(props: {
  model: LogModel;
  commands: CommandRegistry;
}): JSX.Element {
  const trans = useTrans();
  const { commands, model } = props;
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState<ISearchText>(model.text);
  const { matchCase, pattern, regex } = text;
  useEffect(() => {
    if (JSON.stringify(text) === JSON.stringify(model.text)) {
      return;
    }
    const timer = setTimeout(() => void model.lookFor(text), TYPING);
    return () => clearTimeout(timer);
  }, [text, model]);
  useEffect(() => {
    const focus = () => {
      input.current?.focus();
      input.current?.select();
    };
    model.searchWanted.connect(focus);
    return () => {
      model.searchWanted.disconnect(focus);
    };
  }, [model]);
  return (
    <div
      className="jp-MLStudio-logSearch"
      role="search"
      aria-label={trans.__('Find in the log')}
    >
      <input
        ref={input}
        type="search"
        className="jp-mod-styled"
        placeholder={trans.__('Find')}
        aria-label={trans.__('Find in the log')}
        aria-invalid={model.search.error !== ''}
        value={pattern}
        onChange={event => setText({ ...text, pattern: event.target.value })}
        onKeyDown={event => {
          if (event.key === 'Enter' && pattern !== '') {
            event.preventDefault();
            const backwards = event.shiftKey;
            void (async () => {
              if (text !== model.text) {
                void model.lookFor(text);
              }
              await model.go.toMatch(backwards);
            })();
          } else if (event.key === 'Escape') {
            setText({ ...text, pattern: '' });
          }
        }}
      />
      <Switch
        label={trans.__('Match case')}
        sign={trans.__('Aa')}
        isOn={matchCase}
        onToggle={() => setText({ ...text, matchCase: !matchCase })}
      />
      <Switch
        label={trans.__('Regular expression')}
        sign=".*"
        isOn={regex}
        onToggle={() => setText({ ...text, regex: !regex })}
      />
      <Switch
        label={trans.__('Only lines that match')}
        sign={trans.__('Only')}
        isOn={model.onlyMatches}
        onToggle={() => void model.showOnlyMatches(!model.onlyMatches)}
      />
      <Button
        small
        minimal
        disabled={pattern === ''}
        title={labelOf(commands, CommandIDs.findPreviousInLog)}
        aria-label={labelOf(commands, CommandIDs.findPreviousInLog)}
        onClick={() => void model.go.toMatch(true)}
      >
        <caretUpIcon.react tag="span" aria-hidden />
      </Button>
      <Button
        small
        minimal
        disabled={pattern === ''}
        title={labelOf(commands, CommandIDs.findNextInLog)}
        aria-label={labelOf(commands, CommandIDs.findNextInLog)}
        onClick={() => void model.go.toMatch(false)}
      >
        <caretDownIcon.react tag="span" aria-hidden />
      </Button>
      <output>{searchText(model, trans)}</output>
    </div>
  );
}

/** How many matches there are, which one is shown, or what is wrong. */
function searchText(model: LogModel, trans: TranslationBundle): string {
  const { search, text } = model;
  const { target } = model.go;
  if (search.error) {
    return search.error;
  }
  if (search.isLooking) {
    return trans.__('Looking…');
  }
  if (text.pattern === '') {
    return '';
  }
  const count = search.matches.length;
  const most = count >= MOST_MATCHES ? `${MOST_MATCHES}+` : String(count);
  if (search.progress < 1 && count < MOST_MATCHES) {
    const share = Math.floor(search.progress * 100);
    return trans.__('%1 in the first %2 %', most, share);
  }
  const place = search.placeOf(target);
  return place > 0
    ? trans.__('%1 of %2', place, most)
    : trans._n('%2 match', '%2 matches', count, most);
}

function LevelChoice(props: { model: LogModel }): JSX.Element {
  const trans = useTrans();
  const { model } = props;
  const words: Record<LogLevel, string> = {
    DEBUG: trans.__('Debug and above'),
    INFO: trans.__('Info and above'),
    WARNING: trans.__('Warnings and errors'),
    ERROR: trans.__('Errors')
  };
  return (
    <select
      className="jp-mod-styled"
      aria-label={trans.__('Level')}
      value={model.level}
      onChange={event =>
        void model.showLevel(event.target.value as LogLevel | '')
      }
    >
      <option value="">{trans.__('All lines')}</option>
      {LOG_LEVELS.map(level => (
        <option key={level} value={level}>
          {words[level]}
        </option>
      ))}
    </select>
  );
}

function HostChoice(props: { model: LogModel }): JSX.Element | null {
  const trans = useTrans();
  const { model } = props;
  if (model.allStreams.length < 2) {
    return null;
  }
  return (
    <select
      className="jp-mod-styled"
      aria-label={trans.__('Host')}
      value={model.streams?.[0] ?? ''}
      onChange={event =>
        void model.show(event.target.value ? [event.target.value] : null)
      }
    >
      <option value="">{trans.__('All hosts')}</option>
      {model.allStreams.map(stream => (
        <option key={stream} value={stream}>
          {hostName(stream)}
        </option>
      ))}
    </select>
  );
}

function TimeChoice(props: { model: LogModel }): JSX.Element {
  const trans = useTrans();
  const { model } = props;
  const words: Record<TimeStyle, string> = {
    local: trans.__('Local time'),
    utc: trans.__('UTC'),
    relative: trans.__('Since the start'),
    none: trans.__('No times')
  };
  return (
    <select
      className="jp-mod-styled"
      aria-label={trans.__('Times')}
      value={model.look.times}
      onChange={event => {
        const times = event.target.value as TimeStyle;
        model.look = { ...model.look, times };
      }}
    >
      {TIME_STYLES.map(style => (
        <option key={style} value={style}>
          {words[style]}
        </option>
      ))}
    </select>
  );
}

function CommandButton(props: {
  commands: CommandRegistry;
  id: string;
  children: string;
}): JSX.Element {
  const { commands, id } = props;
  return (
    <Button
      small
      title={labelOf(commands, id)}
      onClick={() => void commands.execute(id)}
    >
      {props.children}
    </Button>
  );
}

function Toggle(props: {
  commands: CommandRegistry;
  id: string;
  isOn: boolean;
  children: string;
}): JSX.Element {
  const { commands, id, isOn } = props;
  return (
    <Button
      small
      className={isOn ? 'jp-mod-on' : ''}
      aria-pressed={isOn}
      title={labelOf(commands, id)}
      onClick={() => void commands.execute(id)}
    >
      {props.children}
    </Button>
  );
}

function Switch(props: {
  label: string;
  sign: string;
  isOn: boolean;
  onToggle: () => void;
}): JSX.Element {
  return (
    <Button
      small
      minimal
      className={props.isOn ? 'jp-mod-on' : ''}
      aria-pressed={props.isOn}
      aria-label={props.label}
      title={props.label}
      onClick={props.onToggle}
    >
      {props.sign}
    </Button>
  );
}

/** The label of a command with its key, for the one who hovers. */
function labelOf(commands: CommandRegistry, id: string): string {
  const binding = commands.keyBindings.find(each => each.command === id);
  const keys = binding?.keys.join(' ');
  return keys ? `${commands.label(id)} (${keys})` : commands.label(id);
}
