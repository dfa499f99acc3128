import { type ISignal, Signal } from '@lumino/signaling';

import type { IS3Client } from '../api/s3';
import type { IS3Location } from './s3uri';

/** Bytes that are sent with one request, unless that makes more parts than S3 takes. */
export const PART = 8 << 20;

const MOST_PARTS = 10_000;

/** Uploads at once. */
const SLOTS = 3;

/** How often a part is sent that does not arrive. */
const TRIES = 3;

export type UploadState =
  'waiting' | 'sending' | 'done' | 'failed' | 'cancelled';

/** A file on its way to S3. */
export interface IUpload {
  readonly id: number;
  readonly target: IS3Location;
  readonly name: string;
  /** Bytes; null where only the server knows. */
  readonly size: number | null;
  readonly sent: number;
  readonly state: UploadState;
  /** Why it failed. */
  readonly problem: string;
}

/** Sends one thing and says how far it is. */
type Sender = (
  signal: AbortSignal,
  progress: (sent: number) => void
) => Promise<void>;

/** Files on their way to S3, a few at a time, in pieces: no file is ever in memory as a whole. */
export class UploadQueue {
  constructor(private readonly _client: IS3Client) {}

  /** All uploads of this page, the latest last. */
  get uploads(): readonly IUpload[] {
    return this._uploads;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Emitted with where something arrived. */
  get arrived(): ISignal<this, IS3Location> {
    return this._arrived;
  }

  /** Send a file of the user's computer. */
  add(file: Blob, target: IS3Location): void {
    this._push(target, file.size, (signal, progress) =>
      sendFile(this._client, file, target, signal, progress)
    );
  }

  /** Send a file or folder of the Jupyter server below `target`. */
  addPath(path: string, { bucket, key }: IS3Location): void {
    const name = path.slice(path.lastIndexOf('/') + 1);
    this._push({ bucket, key: key + name }, null, async signal => {
      await this._client.sendFiles(bucket, key, path, signal);
    });
  }

  cancel(id: number): void {
    const upload = this._find(id);
    if (upload?.state === 'waiting') {
      this._update(id, { state: 'cancelled' });
    }
    this._aborts.get(id)?.abort();
  }

  /** Forget those that have ended. */
  clear(): void {
    this._uploads = this._uploads.filter(isOpen);
    this._changed.emit();
  }

  private _push(target: IS3Location, size: number | null, send: Sender): void {
    const id = ++this._last;
    const name = target.key.slice(target.key.lastIndexOf('/') + 1);
    const begun = { sent: 0, state: 'waiting' as const, problem: '' };
    this._uploads = [...this._uploads, { id, target, name, size, ...begun }];
    this._senders.set(id, send);
    this._changed.emit();
    this._next();
  }

  private _next(): void {
    const waiting = this._uploads.find(({ state }) => state === 'waiting');
    if (waiting && this._aborts.size < SLOTS) {
      void this._run(waiting);
      this._next();
    }
  }

  private async _run({ id, size, target }: IUpload): Promise<void> {
    const abort = new AbortController();
    this._aborts.set(id, abort);
    this._update(id, { state: 'sending' });
    try {
      await this._senders.get(id)?.(abort.signal, sent =>
        this._update(id, { sent })
      );
      this._update(id, { state: 'done', sent: size ?? 0 });
      this._arrived.emit(target);
    } catch (reason) {
      const problem = reason instanceof Error ? reason.message : String(reason);
      this._update(
        id,
        abort.signal.aborted
          ? { state: 'cancelled' }
          : { state: 'failed', problem }
      );
    }
    this._aborts.delete(id);
    this._senders.delete(id);
    this._next();
  }

  private _find(id: number): IUpload | undefined {
    return this._uploads.find(upload => upload.id === id);
  }

  private _update(id: number, change: Partial<IUpload>): void {
    this._uploads = this._uploads.map(upload =>
      upload.id === id ? { ...upload, ...change } : upload
    );
    this._changed.emit();
  }

  private readonly _aborts = new Map<number, AbortController>();
  private readonly _arrived = new Signal<this, IS3Location>(this);
  private readonly _changed = new Signal<this, void>(this);
  private _last = 0;
  private readonly _senders = new Map<number, Sender>();
  private _uploads: readonly IUpload[] = [];
}

/** Whether an upload has not ended. */
export function isOpen({ state }: IUpload): boolean {
  return state === 'waiting' || state === 'sending';
}

async function sendFile(
  client: IS3Client,
  file: Blob,
  { bucket, key }: IS3Location,
  signal: AbortSignal,
  progress: (sent: number) => void
): Promise<void> {
  if (file.size <= PART) {
    await retried(signal, () => client.send(bucket, key, file, null, signal));
    return;
  }
  const length = Math.max(PART, Math.ceil(file.size / MOST_PARTS));
  const uploadId = await client.beginUpload(bucket, key);
  try {
    const etags: string[] = [];
    for (let start = 0; start < file.size; start += length) {
      const body = file.slice(start, start + length);
      const part = { uploadId, partNumber: etags.length + 1 };
      etags.push(
        await retried(signal, () =>
          client.send(bucket, key, body, part, signal)
        )
      );
      progress(start + body.size);
    }
    await client.completeUpload(bucket, key, uploadId, etags);
  } catch (reason) {
    // What was sent would stay, and take room, for a week.
    await client.abortUpload(bucket, key, uploadId).catch(() => undefined);
    throw reason;
  }
}

/** Do something again that failed because the connection did. */
async function retried<T>(
  signal: AbortSignal,
  action: () => Promise<T>
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      if (signal.aborted) {
        throw new DOMException('The upload was cancelled', 'AbortError');
      }
      return await action();
    } catch (reason) {
      const status = (reason as { status?: number }).status;
      if (signal.aborted || attempt === TRIES || status !== 0) {
        throw reason;
      }
    }
  }
}
