import { fireEvent, render, screen, within } from '@testing-library/react';
import React, { act, useState } from 'react';

import { FakeS3 } from '../../../__tests__/testutils';
import { RequestError, STUDIO_UNAVAILABLE } from '../../../api/request';
import { S3FolderModel } from '../../../model/s3folder';
import { UploadQueue } from '../../../model/uploads';
import { S3Browser } from '../browser';

/** Height of everything in jsdom, which lays nothing out, in pixels. */
const HEIGHT = 280;

let client: FakeS3;
let model: S3FolderModel;
let uploads: UploadQueue;
const handlers = {
  onCopyUri: jest.fn(),
  onCreateBucket: jest.fn(),
  onDelete: jest.fn(),
  onDownload: jest.fn(),
  onStart: jest.fn(async () => undefined),
  onUpload: jest.fn()
};

beforeAll(() => {
  window.ResizeObserver = class {
    observe(): void {}
    unobserve(): void {}
    disconnect(): void {}
  };
  for (const side of ['clientHeight', 'clientWidth', 'offsetHeight']) {
    Object.defineProperty(HTMLElement.prototype, side, {
      configurable: true,
      get: () => HEIGHT
    });
  }
});

beforeEach(() => {
  jest.clearAllMocks();
  client = new FakeS3();
  uploads = new UploadQueue(client);
  for (const key of ['data/a.csv', 'data/b.csv', 'top.txt']) {
    client.objects.set(`bucket/${key}`, new Blob());
  }
});

afterEach(() => model.dispose());

function Browser(): JSX.Element {
  const [selected, select] = useState<ReadonlySet<string>>(new Set());
  return (
    <S3Browser
      model={model}
      uploads={uploads}
      selected={selected}
      onSelect={select}
      {...handlers}
    />
  );
}

async function show(bucket = 'bucket', key = ''): Promise<void> {
  model = new S3FolderModel(client, { bucket, key });
  render(<Browser />);
  await act(() => model.refresh());
}

const button = (name: string | RegExp) => screen.getByRole('button', { name });
const names = () =>
  within(screen.getByRole('table'))
    .getAllByRole('row')
    .slice(1)
    .map(row => within(row).getByRole('button').textContent);
const click = (name: string | RegExp) =>
  act(async () => {
    fireEvent.click(button(name));
  });

/** Let something be dragged from or dropped on an element. */
function transfer(
  type: 'dragstart' | 'drop',
  element: HTMLElement,
  dataTransfer: object
): void {
  const event = new Event(type, { bubbles: true, cancelable: true });
  Object.defineProperty(event, 'dataTransfer', { value: dataTransfer });
  fireEvent(element, event);
}

describe('S3Browser', () => {
  it('shows that it loads, why it cannot, and that nothing is there', async () => {
    client.failure = new RequestError('gone', STUDIO_UNAVAILABLE, 503);
    model = new S3FolderModel(client);
    render(<Browser />);
    expect(screen.getByRole('status', { name: 'Loading' })).toBeTruthy();
    await act(() => model.refresh());
    expect(screen.getByRole('alert').textContent).toContain('gone');
    client.failure = null;
    await act(() => model.open({ bucket: 'empty', key: '' }));
    expect(screen.getByText(/Nothing is here yet/)).toBeTruthy();
  });

  it('goes into folders and back by the crumbs', async () => {
    await show('', '');
    expect(names()).toEqual(['bucket']);
    await click('bucket');
    expect(names()).toEqual(['data/', 'top.txt']);
    await click('data/');
    expect(names()).toEqual(['a.csv', 'b.csv']);
    await click('Buckets');
    expect(names()).toEqual(['bucket']);
    await click('New bucket…');
    expect(handlers.onCreateBucket).toHaveBeenCalled();
  });

  it('draws only the rows in sight of ten thousand', async () => {
    client.pageSize = 10_000;
    client.objects = new Map(
      Array.from({ length: 10_000 }, (_, index) => [
        `bucket/${index}`,
        new Blob()
      ])
    );
    await show();
    expect(screen.getByRole('table').getAttribute('aria-rowcount')).toBe(
      '10001'
    );
    expect(names().length).toBeLessThan(60);
    expect(screen.getByText('10000 entries')).toBeTruthy();
  });

  it('searches a moment after the last key', async () => {
    await show('bucket', 'data/');
    fireEvent.change(screen.getByRole('searchbox'), {
      target: { value: 'b' }
    });
    await act(() => new Promise(done => setTimeout(done, 400)));
    expect(names()).toEqual(['b.csv']);
    fireEvent.change(screen.getByRole('searchbox'), {
      target: { value: 'zzz' }
    });
    await act(() => new Promise(done => setTimeout(done, 400)));
    expect(screen.getByText('Nothing begins like that here.')).toBeTruthy();
  });

  it('does things with what is selected', async () => {
    await show();
    fireEvent.click(screen.getByRole('checkbox', { name: 'Select top.txt' }));
    await click('Download');
    expect(handlers.onDownload).toHaveBeenCalledWith('s3://bucket/top.txt');
    await click('Copy URI');
    expect(handlers.onCopyUri).toHaveBeenCalledWith('s3://bucket/top.txt');
    fireEvent.click(screen.getByRole('checkbox', { name: 'Select data/' }));
    await click('Delete…');
    expect(handlers.onDelete).toHaveBeenCalledWith([
      's3://bucket/data/',
      's3://bucket/top.txt'
    ]);
    expect((button('Download') as HTMLButtonElement).disabled).toBe(true);
    await click('Upload a folder…');
    expect(handlers.onUpload).toHaveBeenCalledWith(true);
  });

  it('previews text, tables, and what cannot be seen', async () => {
    await show();
    await click('top.txt');
    const preview = () => screen.getByRole('region', { name: /^Preview/ });
    expect(preview().textContent).toContain('hello');
    await click('Close the preview');
    client.seen = {
      kind: 'table',
      columns: ['n: int64'],
      rows: [['1', '<b>x</b>']],
      size: 9,
      truncated: true
    };
    await click('top.txt');
    expect(within(preview()).getByText('<b>x</b>')).toBeTruthy();
    expect(
      within(preview()).getByRole('columnheader', { name: 'n: int64' })
    ).toBeTruthy();
    expect(preview().textContent).toContain('This is the beginning.');
    await click('Close the preview');
    client.failure = new RequestError('AccessDenied', 'AccessDenied', 403);
    await click('top.txt');
    expect(within(preview()).getByRole('alert').textContent).toBe(
      'AccessDenied'
    );
  });

  it('drags a URI out, and takes files in', async () => {
    await show('bucket', 'data/');
    const data = new Map<string, string>();
    transfer('dragstart', screen.getAllByRole('row')[1] as HTMLElement, {
      setData: (type: string, text: string) => data.set(type, text)
    });
    expect(data.get('text/plain')).toBe('s3://bucket/data/a.csv');
    const entry = {
      isFile: true,
      fullPath: '/new.csv',
      file: (done: (file: File) => void) => done(new File(['1'], 'new.csv'))
    };
    await act(async () => {
      transfer('drop', screen.getByRole('table'), {
        types: ['Files'],
        items: [{ webkitGetAsEntry: () => entry }]
      });
      await new Promise(done => setTimeout(done, 10));
    });
    expect(client.objects.has('bucket/data/new.csv')).toBe(true);
    const list = screen.getByRole('region', { name: 'Uploads' });
    expect(list.textContent).toContain('Uploaded');
    fireEvent.click(within(list).getByRole('button', { name: 'Clear' }));
    expect(screen.queryByRole('region', { name: 'Uploads' })).toBeNull();
  });

  it('shows an upload that failed, and lets one be cancelled', async () => {
    await show();
    client.gate = new Promise(() => undefined);
    await act(async () =>
      uploads.add(new Blob(['x']), { bucket: 'bucket', key: 'slow' })
    );
    expect(
      screen.getByRole('progressbar', { name: 'Progress of slow' })
    ).toBeTruthy();
    expect(button('Cancel the upload of slow')).toBeTruthy();
    client.gate = Promise.resolve();
    client.failure = new RequestError('full', 'Full', 507);
    await act(async () => {
      uploads.add(new Blob(['x']), { bucket: 'bucket', key: 'bad' });
      await new Promise(done => setTimeout(done, 10));
    });
    expect(screen.getByText('full')).toBeTruthy();
    expect(screen.getByText(/1 failed/)).toBeTruthy();
  });
});
