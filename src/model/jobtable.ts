import { Throttler } from '@lumino/polling';

import type { ITrainingJobQuery, TrainingJobRecord } from '../api/types';
import type { IMLStudio, IResourceEvent } from '../tokens';
import { STUDIO_KIND } from './events';
import { RemoteModel } from './remote';

/** The shortest time between two fetches that events ask for, in milliseconds. */
const THROTTLE = 500;

export const LATEST_FIRST: ITrainingJobQuery = {
  text: '',
  status: '',
  sort: 'CreationTime',
  descending: true
};

/**
 * The training jobs that a query finds, as many as were asked for so far.
 *
 * A job that changes is fetched alone; polls look at the first page, in which new jobs appear.
 */
export class JobTableModel extends RemoteModel<readonly TrainingJobRecord[]> {
  constructor(
    private readonly _studio: IMLStudio,
    private _query: ITrainingJobQuery = LATEST_FIRST
  ) {
    super(
      'training-job-table',
      () => this._fetchFirst(),
      _studio.pollInterval * 1000
    );
    this._refresher = new Throttler(() => this.refresh(), {
      limit: THROTTLE,
      edge: 'trailing'
    });
    _studio.resourceChanged.connect(this._onChange, this);
  }

  get query(): ITrainingJobQuery {
    return this._query;
  }

  /** How many jobs the query finds. */
  get total(): number {
    return this._total;
  }

  get hasMore(): boolean {
    return this._token !== null;
  }

  /** Ask another question; what it finds replaces what is there. */
  async search(change: Partial<ITrainingJobQuery>): Promise<void> {
    this._query = { ...this._query, ...change };
    this._isNew = true;
    await this.refresh();
  }

  /** Fetch the next page. Never rejects: what failed is tried again with the next call. */
  async loadMore(): Promise<void> {
    if (this._token === null || this._isLoading) {
      return;
    }
    this._isLoading = true;
    const query = this._query;
    try {
      const page = await this._studio.client.searchTrainingJobs(
        query,
        this._token
      );
      if (query === this._query && !this.isDisposed) {
        this._token = page.nextToken;
        this.expect(merge(this.value ?? [], page.items));
      }
    } catch {
      // The poll says what is wrong, and the end of the table asks again.
      void this.refresh();
    } finally {
      this._isLoading = false;
    }
  }

  override dispose(): void {
    this._studio.resourceChanged.disconnect(this._onChange, this);
    this._refresher.dispose();
    super.dispose();
  }

  private async _fetchFirst(): Promise<readonly TrainingJobRecord[]> {
    const query = this._query;
    const page = await this._studio.client.searchTrainingJobs(query);
    if (query !== this._query) {
      // The newer question is on its way, and will be answered last.
      return this.value ?? [];
    }
    this._total = page.total;
    const loaded = this._isNew ? [] : (this.value ?? []);
    this._isNew = false;
    if (loaded.length <= page.items.length) {
      this._token = page.nextToken;
      return page.items;
    }
    return merge(page.items, loaded);
  }

  private _onChange(_: IMLStudio, event: IResourceEvent): void {
    const loaded = this.value?.some(job => job.TrainingJobName === event.name);
    if (event.kind === 'TrainingJob' && loaded) {
      void this._fetchOne(event.name);
    } else if (event.kind === 'TrainingJob' || event.kind === STUDIO_KIND) {
      void this._refresher.invoke();
    }
  }

  /** Fetch one job that is in the table; one that is gone leaves it. */
  private async _fetchOne(name: string): Promise<void> {
    const query = { ...LATEST_FIRST, name };
    try {
      const { items } = await this._studio.client.searchTrainingJobs(query);
      if (!this.isDisposed) {
        this.expect(
          (this.value ?? []).flatMap(job =>
            job.TrainingJobName === name ? items : job
          )
        );
      }
    } catch {
      void this.refresh();
    }
  }

  private _isLoading = false;
  /** Whether what is loaded answers an earlier query. */
  private _isNew = true;
  private readonly _refresher: Throttler;
  private _token: string | null = null;
  private _total = 0;
}

/** The first jobs, then those of the others that are not among them. */
function merge(
  first: readonly TrainingJobRecord[],
  others: readonly TrainingJobRecord[]
): readonly TrainingJobRecord[] {
  const names = new Set(first.map(job => job.TrainingJobName));
  return [...first, ...others.filter(job => !names.has(job.TrainingJobName))];
}
