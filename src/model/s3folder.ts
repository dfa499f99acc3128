import type { IS3Client } from '../api/s3';
import type { IListModel } from '../tokens';
import { RemoteModel } from './remote';
import { folderOf, type IS3Location, lastPart } from './s3uri';

/** Milliseconds between looks at a folder: S3 tells nobody of its changes. */
const INTERVAL = 30_000;

/** A bucket, a folder or an object. */
export interface IS3Entry extends IS3Location {
  kind: 'bucket' | 'folder' | 'object';
  name: string;
  size?: number;
  /** ISO 8601. */
  modified?: string;
}

/** What lies at a place in S3, page by page; at the top that is the buckets. */
export class S3FolderModel
  extends RemoteModel<readonly IS3Entry[]>
  implements IListModel<IS3Entry>
{
  /**
   * @param location - where to begin; `key` need not end with a slash: the rest is searched for.
   */
  constructor(
    readonly client: IS3Client,
    location: IS3Location = { bucket: '', key: '' }
  ) {
    super('s3-folder', () => this._fetchPages(), INTERVAL);
    this._location = location;
  }

  get location(): IS3Location {
    return this._location;
  }

  /** The folder that is open, without what is searched for in it. */
  get folder(): IS3Location {
    const { bucket, key } = this._location;
    return { bucket, key: folderOf(key) };
  }

  get hasMore(): boolean {
    return this._token !== null;
  }

  /** Look somewhere else. */
  async open(location: IS3Location): Promise<void> {
    this._location = location;
    this._pages = 1;
    this._token = null;
    this.forget();
    await this.refresh();
  }

  async loadMore(): Promise<void> {
    const { _location: location, _token: token } = this;
    if (this._isLoading || token === null) {
      return;
    }
    this._isLoading = true;
    try {
      const page = await this._fetchPage(location, token);
      if (this._location === location && this._token === token) {
        this._pages += 1;
        this._token = page.token;
        this.expect([...(this.value ?? []), ...page.entries]);
      }
    } catch {
      // The next look at all pages says why.
      void this.refresh();
    } finally {
      this._isLoading = false;
    }
  }

  private async _fetchPages(): Promise<readonly IS3Entry[]> {
    const location = this._location;
    if (location.bucket === '') {
      return this._fetchBuckets();
    }
    const entries: IS3Entry[] = [];
    let token: string | null = null;
    for (let number = 0; number < this._pages; number++) {
      const page: IFetched = await this._fetchPage(location, token);
      entries.push(...page.entries);
      token = page.token;
      if (token === null) {
        break;
      }
    }
    if (this._location === location) {
      this._token = token;
    }
    return entries;
  }

  private async _fetchBuckets(): Promise<readonly IS3Entry[]> {
    const buckets = await this.client.buckets();
    return buckets
      .filter(({ name }) => name.startsWith(this._location.key))
      .map(({ name, created }) => ({
        kind: 'bucket',
        bucket: name,
        key: '',
        name,
        modified: created
      }));
  }

  private async _fetchPage(
    { bucket, key }: IS3Location,
    token: string | null
  ): Promise<IFetched> {
    const page = await this.client.folder(bucket, key, token ?? undefined);
    const folders = page.folders.map(prefix => ({
      kind: 'folder' as const,
      bucket,
      key: prefix,
      name: lastPart(prefix)
    }));
    const objects = page.objects.map(object => ({
      kind: 'object' as const,
      bucket,
      name: lastPart(object.key),
      ...object
    }));
    // The object that only keeps an empty folder in being.
    const shown = objects.filter(object => object.key !== key);
    return { entries: [...folders, ...shown], token: page.nextToken };
  }

  private _isLoading = false;
  private _location: IS3Location;
  private _pages = 1;
  private _token: string | null = null;
}

interface IFetched {
  entries: IS3Entry[];
  token: string | null;
}
