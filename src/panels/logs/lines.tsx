import React, {
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useReducer,
  useRef,
  useState
} from 'react';

import type { ILogLine } from '../../api/logs';
import { useTrans } from '../../components/translation';
import { useRemote } from '../../components/useremote';
import type { ILook, LogModel } from './model';
import { LogRow } from './row';
import {
  type IRange,
  selectedRange,
  selectedText,
  selectRows
} from './selection';
import { Viewport } from './viewport';

/** Rows that are drawn above and below what is seen. */
const OVERSCAN = 15;

/** How near to the end, in pixels, counts as the end. */
const SLACK = 8;

/** Milliseconds without scrolling after which the scrollbar is put where it belongs. */
const REST = 200;

export interface ILogLinesProps {
  model: LogModel;
  look: ILook;
  /** The address of a line; null where it has none. */
  linkOf: (line: ILogLine) => string | null;
  onLink: (line: ILogLine) => void;
  /** Copy text that is not all here. */
  onCopy: (first: number, last: number, cut: (all: string[]) => string) => void;
}

/** The lines of a log, of which only those in sight are drawn. */
export function LogLines(props: ILogLinesProps): JSX.Element {
  const { look, model } = props;
  const trans = useTrans();
  useRemote(model);
  const [, redraw] = useReducer((turn: number) => turn + 1, 0);
  const box = useRef<HTMLDivElement>(null);
  const rows = useRef<HTMLDivElement>(null);
  const [viewport] = useState(() => new Viewport());
  const selection = useSelection(box);
  const whole = useWhole(model);
  const mark = useMark(model);
  const scrollbar = useScrollbar(model, viewport, box, rows, redraw);

  viewport.count = model.count;
  viewport.wrapped = look.wrap;
  const drawn = drawnRows(viewport, model.following);
  const [first, last] = drawn;
  useEffect(() => model.want(first, last), [model, first, last, model.count]);
  useLayoutEffect(() => scrollbar.place(drawn));

  const { start, end } = selection.range ?? {};
  const shown = rowsOf(first, last, start?.row, end?.row, model.count);
  const hosts = model.allStreams.length > 1;
  return (
    <div
      ref={box}
      className={`jp-MLStudio-logBox${look.wrap ? ' jp-mod-wrap' : ''}`}
      tabIndex={0}
      role="log"
      aria-live="off"
      aria-label={trans.__('Log of %1', model.place.name)}
      onScroll={scrollbar.onScroll}
      onKeyDown={event => {
        if (event.key === 'a' && (event.ctrlKey || event.metaKey)) {
          event.preventDefault();
          selection.selectAll(model.count);
        } else if (
          event.shiftKey &&
          ['ArrowDown', 'ArrowUp'].includes(event.key)
        ) {
          event.preventDefault();
          const from = model.go.target ?? viewport.anchor.index;
          selection.extend(
            event.key === 'ArrowDown' ? 1 : -1,
            model.indexOf(from),
            model.count
          );
        }
      }}
      onCopy={event => {
        const range = selectedRange(event.currentTarget);
        if (range === null || range.start.row === range.end.row) {
          return;
        }
        event.preventDefault();
        const all = messagesOf(model, range);
        if (all) {
          event.clipboardData.setData('text/plain', selectedText(range, all));
        } else {
          props.onCopy(range.start.row, range.end.row, texts =>
            selectedText(range, texts)
          );
        }
      }}
    >
      <div
        className="jp-MLStudio-logHeight"
        style={{ height: viewport.totalHeight }}
      >
        <div
          className="jp-MLStudio-logWindow"
          style={{ height: viewport.height }}
        >
          <div ref={rows} className="jp-MLStudio-logRows">
            {shown.map(index => {
              const line = model.row(index);
              const number = line?.LineNumber;
              return (
                <LogRow
                  key={index}
                  index={index}
                  line={line && whole.of(line)}
                  look={look}
                  origin={look.times === 'relative' ? model.origin : 0}
                  host={hosts ? hostOf(line) : null}
                  isMatch={number !== undefined && model.search.has(number)}
                  isTarget={number !== undefined && number === model.go.target}
                  mark={mark}
                  isPinned={index < first || index > last}
                  link={line ? props.linkOf(line) : null}
                  onLink={props.onLink}
                  onWhole={whole.fetch}
                />
              );
            })}
          </div>
        </div>
      </div>
    </div>
  );
}

/** The last part of a stream's name, without the time at which its host began. */
function hostOf(line: ILogLine | undefined): string {
  return hostName(line?.LogStreamName ?? '');
}

export function hostName(stream: string): string {
  return (stream.split('/').pop() ?? stream).replace(/-\d{9,}$/, '');
}

/** The rows to draw: those in sight and some more, or, where the end is followed, the last ones. */
function drawnRows(viewport: Viewport, following: boolean): [number, number] {
  const { anchor, count, pageRows } = viewport;
  const first = following ? count - pageRows - 1 : anchor.index;
  const last = following ? count : anchor.index + pageRows + 1;
  return [Math.max(0, first - OVERSCAN), Math.min(count - 1, last + OVERSCAN)];
}

/** Rows in their order, with those in which a selection starts and ends, so that it survives. */
function rowsOf(
  first: number,
  last: number,
  start: number | undefined,
  end: number | undefined,
  count: number
): number[] {
  const rows = Array.from(
    { length: Math.max(0, last - first + 1) },
    (_, index) => first + index
  );
  const pinned = [start, end].filter(
    (row): row is number =>
      row !== undefined && row < count && (row < first || row > last)
  );
  return [...new Set([...rows, ...pinned])].sort((a, b) => a - b);
}

/** The messages of selected rows, or null if some are not here as a whole. */
function messagesOf(model: LogModel, range: IRange): string[] | null {
  const messages: string[] = [];
  for (let row = range.start.row; row <= range.end.row; row++) {
    const line = model.row(row);
    if (line === undefined || line.Length > line.Message.length) {
      return null;
    }
    messages.push(line.Message);
  }
  return messages;
}

/** Scrolling: what the user did, and where things are put. */
function useScrollbar(
  model: LogModel,
  viewport: Viewport,
  box: React.RefObject<HTMLDivElement>,
  rows: React.RefObject<HTMLDivElement>,
  redraw: () => void
) {
  const before = useRef(0);
  /** Whether the scrollbar has to go where the rows went. */
  const isRevealing = useRef(false);
  const timer = useRef<ReturnType<typeof setTimeout>>();

  const put = useCallback(
    (top: number) => {
      const node = box.current;
      if (node && Math.abs(node.scrollTop - top) > 1) {
        node.scrollTop = top;
      }
      before.current = node?.scrollTop ?? top;
    },
    [box]
  );

  useEffect(() => {
    const node = box.current;
    if (!node) {
      return;
    }
    const reveal = (row: number) => {
      viewport.count = model.count;
      viewport.reveal(row);
      isRevealing.current = true;
      redraw();
    };
    const measure = () => {
      const wasHidden = viewport.height === 0;
      viewport.height = node.clientHeight;
      viewport.rowHeight = parseFloat(getComputedStyle(node).lineHeight) || 18;
      if (wasHidden && model.go.target !== null) {
        // It was gone to before there was something to see.
        reveal(model.indexOf(model.go.target));
      }
      redraw();
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(node);
    const onReveal = (_: unknown, row: number) => reveal(row);
    model.go.revealed.connect(onReveal);
    return () => {
      observer.disconnect();
      model.go.revealed.disconnect(onReveal);
      clearTimeout(timer.current);
    };
  }, [model, viewport, box, put, redraw]);

  const onScroll = (event: React.UIEvent<HTMLDivElement>) => {
    const { clientHeight, scrollHeight, scrollTop } = event.currentTarget;
    const moved = scrollTop - before.current;
    if (Math.abs(moved) < 1) {
      return;
    }
    const heights = heightsOf(rows.current);
    viewport.scrollTo(scrollTop, before.current, index => heights.get(index));
    before.current = scrollTop;
    const atEnd = scrollTop + clientHeight >= scrollHeight - SLACK;
    model.following = atEnd && moved > 0 ? true : model.following && moved > 0;
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      if (!viewport.isExact && !model.following) {
        put(viewport.scrollTop);
      }
    }, REST);
    redraw();
  };

  /** Put the rows that were drawn where they are to be seen. */
  const place = ([first]: [number, number]) => {
    const node = rows.current;
    if (!node) {
      return;
    }
    if (model.following) {
      const over = node.offsetHeight - viewport.height;
      node.style.transform = `translateY(${-Math.max(0, over)}px)`;
      viewport.anchor = { index: first, offset: 0 };
      viewport.moveBy(Math.max(0, over), index => heightsOf(node).get(index));
      put((box.current?.scrollHeight ?? 0) - viewport.height);
      return;
    }
    if (isRevealing.current) {
      isRevealing.current = false;
      put(viewport.scrollTop);
    }
    const { index, offset } = viewport.anchor;
    const row = node.querySelector<HTMLElement>(`[data-row="${index}"]`);
    node.style.transform = `translateY(${-((row?.offsetTop ?? 0) + offset)}px)`;
  };

  return { onScroll, place };
}

function heightsOf(node: HTMLElement | null): Map<number, number> {
  const drawn = node?.querySelectorAll<HTMLElement>('[data-row]') ?? [];
  return new Map(
    [...drawn].map(row => [Number(row.dataset.row), row.offsetHeight])
  );
}

/** What is selected, so that the rows in which it starts and ends stay there. */
function useSelection(box: React.RefObject<HTMLDivElement>) {
  const [range, setRange] = useState<IRange | null>(null);
  const pending = useRef<[number, number] | null>(null);
  useEffect(() => {
    const onChange = () => {
      const found = box.current && selectedRange(box.current);
      setRange(known =>
        known?.start.row === found?.start.row &&
        known?.end.row === found?.end.row
          ? known
          : found
      );
    };
    document.addEventListener('selectionchange', onChange);
    return () => document.removeEventListener('selectionchange', onChange);
  }, [box]);
  const select = (first: number, last: number) => {
    pending.current = [first, last];
    const at = (row: number, offset: number) => ({ row, offset });
    setRange({ start: at(first, 0), end: at(last, Infinity) });
  };
  useLayoutEffect(() => {
    if (pending.current && box.current) {
      const [first, last] = pending.current;
      pending.current = null;
      selectRows(box.current, first, last);
    }
  });
  return {
    range,
    selectAll: (count: number) => {
      if (count > 0) {
        select(0, count - 1);
      }
    },
    /** Select one row more or less at the end, beginning with a row where nothing is selected. */
    extend: (by: number, from: number, count: number) => {
      const first = range?.start.row ?? from;
      const last = range ? range.end.row + by : from;
      select(first, Math.min(Math.max(first, last), count - 1));
    }
  };
}

/** Lines that the user wanted to see whole. */
function useWhole(model: LogModel) {
  const [texts, setTexts] = useState<ReadonlyMap<number, string>>(new Map());
  const fetch = useCallback(
    (line: ILogLine) => {
      const number = line.LineNumber;
      if (number !== undefined) {
        void model.whole(number, 1).then(
          ([text]) =>
            setTexts(known => new Map(known).set(number, text ?? line.Message)),
          () => model.refresh()
        );
      }
    },
    [model]
  );
  const of = (line: ILogLine): ILogLine => {
    const text = texts.get(line.LineNumber ?? -1);
    return text === undefined || line.Length === line.Message.length
      ? line
      : { ...line, Message: text, Length: text.length };
  };
  return { fetch, of };
}

/** The expression that marks what was found in a line, or null if there is nothing to mark. */
function useMark(model: LogModel): RegExp | null {
  const { matchCase, pattern, regex } = model.text;
  return useMemo(() => {
    if (pattern === '') {
      return null;
    }
    const source = regex
      ? pattern
      : pattern.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    try {
      return new RegExp(source, matchCase ? 'g' : 'gi');
    } catch {
      // Python knows expressions that browsers do not; the row is marked as a whole.
      return null;
    }
  }, [matchCase, pattern, regex]);
}
