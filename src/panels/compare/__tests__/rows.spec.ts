import type { IRun } from '../../../api/runs';
import { betterOf, type IComparison, isVaried, shownColumns } from '../columns';
import {
  arrange,
  deltaOf,
  filterRuns,
  groupBy,
  meanOf,
  type Row
} from '../rows';
import { type IView, NEW_VIEW } from '../view';

function run(name: string, more: Partial<IRun> = {}): IRun {
  return {
    name,
    displayName: name,
    arn: '',
    source: '',
    status: 'Completed',
    created: 0,
    started: 0,
    ended: 60,
    ...more
  };
}

const comparison: IComparison = {
  runs: [run('a'), run('b', { status: 'Failed' }), run('c'), run('d')],
  truncated: false,
  parameters: [
    { name: 'eta', runs: 4, values: 3 },
    { name: 'seed', runs: 4, values: 1 },
    { name: 'some', runs: 2, values: 1 }
  ],
  metrics: ['auc', 'train:loss'],
  texts: new Map([
    ['eta', ['0.1', '0.1', '0.3', '0.20']],
    ['seed', ['1', '1', '1', '1']]
  ]),
  numbers: new Map([
    ['auc', column(0.9, NaN, 0.8, 0.7)],
    ['train:loss', column(0.5, NaN, 0.4, 0.6)]
  ])
};

function column(...last: number[]) {
  return {
    last: Float64Array.from(last),
    min: Float64Array.from(last, value => value - 1),
    max: Float64Array.from(last, value => value + 1)
  };
}

function view(change: Partial<IView>): IView {
  return { ...NEW_VIEW, ...change };
}

function names(rows: readonly Row[]): string[] {
  return rows.map(row =>
    row.kind === 'run' ? row.name : `${row.column}=${row.value}`
  );
}

describe('arrange', () => {
  it('sorts by numbers, with what has none at the end whichever way', () => {
    const sort = { column: 'm:auc', descending: true };
    expect(names(arrange(comparison, view({ sort })))).toEqual([
      'a',
      'c',
      'd',
      'b'
    ]);
    const back = view({ sort: { ...sort, descending: false } });
    expect(names(arrange(comparison, back))).toEqual(['d', 'c', 'a', 'b']);
    const eta = view({ sort: { column: 'p:eta', descending: false } });
    expect(names(arrange(comparison, eta))).toEqual(['a', 'b', 'd', 'c']);
  });

  it('keeps pinned runs on top, whatever the filter', () => {
    const rows = arrange(
      comparison,
      view({ pinned: ['d'], filter: 'eta=0.1' })
    );
    expect(names(rows)).toEqual(['d', 'a', 'b']);
    expect(rows[0]).toMatchObject({ pinned: true });
  });

  it('nests groups, and hides the runs of those that are closed', () => {
    const nested = view({ groups: ['p:eta', 'status'] });
    const rows = arrange(comparison, nested);
    expect(names(rows)).toEqual([
      'p:eta=0.1',
      'status=Completed',
      'a',
      'status=Failed',
      'b',
      'p:eta=0.3',
      'status=Completed',
      'c',
      'p:eta=0.20',
      'status=Completed',
      'd'
    ]);
    expect(rows[1]).toMatchObject({ depth: 1, members: [0] });
    const closed = new Set(rows[0]?.kind === 'group' ? [rows[0].key] : []);
    expect(names(arrange(comparison, nested, closed)).slice(0, 2)).toEqual([
      'p:eta=0.1',
      'p:eta=0.3'
    ]);
  });
});

describe('filterRuns', () => {
  const found = (filter: string) =>
    filterRuns(comparison, view({ filter })).map(
      index => comparison.runs[index]?.name
    );

  it.each([
    ['', ['a', 'b', 'c', 'd']],
    ['fail', ['b']],
    ['eta=0.2', ['d']],
    ['eta>0.1', ['c', 'd']],
    ['eta<=0.1 auc>0', ['a']],
    ['train:loss<0.5', ['c']],
    ['auc!=0.9', ['b', 'c', 'd']],
    ['status=Failed', ['b']],
    ['nobody', []],
    ['"a"', ['a', 'b']]
  ])('%s', (filter, wanted) => {
    expect(found(filter)).toEqual(wanted);
  });

  it('looks at the aggregate that is shown', () => {
    const shown = view({ filter: 'auc>1', aggregates: { 'm:auc': 'max' } });
    expect(filterRuns(comparison, shown)).toEqual([0, 2, 3]);
  });
});

describe('groups', () => {
  it('have the mean of the numbers that there are', () => {
    expect([...groupBy(comparison, 'p:eta', [0, 1, 2, 3]).keys()]).toEqual([
      '0.1',
      '0.3',
      '0.20'
    ]);
    expect(meanOf(comparison, [0, 1, 2], 'm:auc', 'last')).toBeCloseTo(0.85);
    expect(meanOf(comparison, [1], 'm:auc', 'last')).toBeNaN();
    expect(meanOf(comparison, [0, 2], 'm:auc', 'min')).toBeCloseTo(-0.15);
  });
});

describe('differences', () => {
  it('are where runs have several values, or only some have one', () => {
    const varied = ['p:eta', 'p:seed', 'p:some', 'm:auc', 'status'].filter(id =>
      isVaried(comparison, id)
    );
    expect(varied).toEqual(['p:eta', 'p:some', 'm:auc', 'status']);
  });

  it('leave out of the table what is alike', () => {
    const columns = ['p:seed', 'p:eta', 'm:auc'];
    const shown = view({ columns, differences: true, stuck: ['m:auc'] });
    expect(shownColumns(comparison, shown)).toEqual(['m:auc', 'p:eta']);
  });
});

describe('deltaOf', () => {
  it('says how far from the baseline, and whether to the good', () => {
    const based = view({ baseline: 'a' });
    const auc = betterOf(based, 'm:auc');
    const loss = betterOf(based, 'm:train:loss');
    expect([auc, loss]).toEqual(['higher', 'lower']);
    const delta = deltaOf(comparison, based, 2, 'm:auc', auc);
    expect(delta?.value).toBeCloseTo(-0.1);
    expect(delta?.good).toBe(false);
    expect(deltaOf(comparison, based, 2, 'm:train:loss', loss)?.good).toBe(
      true
    );
    expect(deltaOf(comparison, based, 0, 'm:auc', auc)).toBeNull();
    expect(deltaOf(comparison, based, 1, 'm:auc', auc)).toBeNull();
    expect(deltaOf(comparison, NEW_VIEW, 2, 'm:auc', auc)).toBeNull();
  });
});
