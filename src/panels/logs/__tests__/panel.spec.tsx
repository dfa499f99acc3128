import { fireEvent, render, screen, within } from '@testing-library/react';
import { CommandRegistry } from '@lumino/commands';
import React, { act } from 'react';

import { FakeClient } from '../../../__tests__/testutils';
import { RequestError, STUDIO_UNAVAILABLE } from '../../../api/request';
import { LOG_COMMANDS } from '../../../commands/ids';
import { NO_ARGS } from '../../../commands/support';
import { StudioModel } from '../../../model/studio';
import { LogModel } from '../model';
import { LogPanel } from '../panel';

/** Height of everything in jsdom, which lays nothing out, in pixels. */
const HEIGHT = 180;

let client: FakeClient;
let studio: StudioModel;
let model: LogModel;
let commands: CommandRegistry;

beforeAll(() => {
  window.ResizeObserver = class {
    observe(): void {}
    unobserve(): void {}
    disconnect(): void {}
  };
  Object.defineProperty(HTMLElement.prototype, 'clientHeight', {
    configurable: true,
    get: () => HEIGHT
  });
});

beforeEach(() => {
  client = new FakeClient();
  studio = new StudioModel(client);
  model = new LogModel(studio, { kind: 'TrainingJob', name: 'job' });
  commands = new CommandRegistry();
  for (const id of LOG_COMMANDS) {
    commands.addCommand(id, {
      label: id,
      describedBy: NO_ARGS,
      execute: () => undefined
    });
  }
});

afterEach(() => {
  model.dispose();
  studio.dispose();
});

function write(...texts: string[]): void {
  client.log.push(
    ...texts.map(message => ({ stream: 'job/algo-1-1700000000', message }))
  );
}

async function show(): Promise<void> {
  render(<LogPanel model={model} commands={commands} />);
  await act(() => model.refresh());
}

/** Copy, as a key does, into a clipboard that tells. */
function copyInto(log: HTMLElement, setData: jest.Mock): void {
  const event = new Event('copy', { bubbles: true, cancelable: true });
  fireEvent(log, Object.assign(event, { clipboardData: { setData } }));
}

function rows(): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>('[data-row]')];
}

describe('LogPanel', () => {
  it('shows that it loads, and that nothing is there yet', async () => {
    render(<LogPanel model={model} commands={commands} />);
    expect(screen.getByRole('status', { name: 'Loading' })).toBeTruthy();
    await act(() => model.refresh());
    expect(screen.getByText(/Nothing was logged yet/)).toBeTruthy();
  });

  it('keeps what it has while the studio is away', async () => {
    write('hello');
    await show();
    client.failure = new RequestError('away', STUDIO_UNAVAILABLE, 503);
    await act(() => model.refresh());
    expect(screen.getByRole('alert').textContent).toContain('not connected');
    expect(screen.getByText('hello')).toBeTruthy();
  });

  it('says what went wrong', async () => {
    client.failure = new RequestError('no access', 'AccessDenied', 403);
    await show();
    expect(screen.getByRole('alert').textContent).toContain('no access');
  });

  it('draws few rows of many, the last ones', async () => {
    write(...Array.from({ length: 10_000 }, (_, n) => `line ${n}`));
    await show();
    expect(rows().length).toBeLessThan(60);
    expect(screen.getByText('line 9999')).toBeTruthy();
    expect(screen.getByText('10,000 lines')).toBeTruthy();
  });

  it('colours, cuts and shows all', async () => {
    write('\x1b[31mred\x1b[0m', 'x'.repeat(3000));
    await show();
    expect(screen.getByText('red').className).toBe('jp-mod-red');
    const button = screen.getByRole('button', { name: /1000 more/ });
    await act(async () => fireEvent.click(button));
    expect(screen.getByText('x'.repeat(3000))).toBeTruthy();
    expect(screen.queryByRole('button', { name: /more/ })).toBeNull();
  });

  it('names hosts where there are several', async () => {
    write('one');
    client.log.push({ stream: 'job/algo-2-1700000000', message: 'two' });
    await show();
    const row = within(screen.getByRole('log')).getByText('two').parentElement;
    expect(row?.textContent).toContain('algo-2');
    const hosts = screen.getByRole('combobox', { name: 'Host' });
    await act(async () =>
      fireEvent.change(hosts, { target: { value: 'job/algo-2-1700000000' } })
    );
    expect(screen.queryByText('one')).toBeNull();
  });

  it('marks what is found, and says how much', async () => {
    write('loss 1', 'nothing', 'Loss 2');
    await show();
    const box = screen.getByRole('searchbox');
    fireEvent.change(box, { target: { value: 'LOSS' } });
    await act(async () => {
      fireEvent.keyDown(box, { key: 'Enter' });
      await new Promise(done => setTimeout(done, 50));
    });
    expect(screen.getByRole('search').textContent).toContain('1 of 2');
    const found = [...document.querySelectorAll('.jp-mod-found')];
    expect(found.map(node => node.textContent)).toEqual(['loss', 'Loss']);
    expect(document.querySelector('[aria-current]')?.textContent).toContain(
      'loss 1'
    );
  });

  it('says that no line passes a filter', async () => {
    write('fine');
    await show();
    const level = screen.getByRole('combobox', { name: 'Level' });
    await act(async () =>
      fireEvent.change(level, { target: { value: 'ERROR' } })
    );
    expect(screen.getByText('No line is like that.')).toBeTruthy();
  });

  it('shows the line that a link leads to, also one that came before the panel', async () => {
    write(...Array.from({ length: 5000 }, (_, n) => `line ${n}`));
    await model.go.toReference({
      LogStreamName: 'job/algo-1-1700000000',
      StreamLineNumber: 2500
    });
    await show();
    await act(() => new Promise(done => setTimeout(done, 20)));
    const target = document.querySelector('[aria-current]');
    expect(target?.textContent).toContain('line 2500');
    await act(() => model.go.toLine(100));
    expect(document.querySelector('[aria-current]')?.textContent).toContain(
      'line 100'
    );
  });

  it('copies selected rows, colours and numbers left out', async () => {
    write('\x1b[31mone\x1b[0m line', 'two', 'three lines');
    await show();
    const text = (row: number) =>
      rows()[row]?.querySelector('.jp-MLStudio-logText') as HTMLElement;
    document
      .getSelection()
      ?.setBaseAndExtent(
        text(0).firstChild?.firstChild as Node,
        1,
        text(2).firstChild as Node,
        5
      );
    const setData = jest.fn();
    copyInto(screen.getByRole('log'), setData);
    expect(setData).toHaveBeenCalledWith('text/plain', 'ne line\ntwo\nthree');
  });

  it('selects everything, and by rows, with the keyboard', async () => {
    write(...Array.from({ length: 1000 }, (_, n) => `line ${n}`));
    await show();
    const log = screen.getByRole('log');
    const setData = jest.fn();
    await act(() => model.go.toLine(500));
    await act(async () =>
      fireEvent.keyDown(log, { key: 'ArrowDown', shiftKey: true })
    );
    await act(async () =>
      fireEvent.keyDown(log, { key: 'ArrowDown', shiftKey: true })
    );
    copyInto(log, setData);
    expect(setData).toHaveBeenLastCalledWith(
      'text/plain',
      'line 500\nline 501'
    );
    await act(async () => fireEvent.keyDown(log, { key: 'a', ctrlKey: true }));
    expect(rows()[0]?.dataset.row).toBe('0');
    expect(rows()[rows().length - 1]?.dataset.row).toBe('999');
  });
});
