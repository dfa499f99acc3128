import { fromLink, toLink } from '../link';
import { formatView, type IView, linesOf, NEW_VIEW, parseView } from '../view';

const view: IView = {
  ...NEW_VIEW,
  runs: ['a', 'b'],
  filter: 'größe>1',
  columns: ['p:eta', 'm:auc'],
  aggregates: { 'm:auc': 'max' },
  baseline: 'a',
  strokes: { a: 3 },
  charts: [
    linesOf('auc'),
    { kind: 'scatter', x: 'p:eta', y: 'm:auc', logX: true, logY: false },
    { kind: 'parallel', axes: [{ id: 'p:eta', log: false, flip: true }] },
    { kind: 'histogram', column: 'm:auc', bins: 20 }
  ]
};

describe('a view', () => {
  it('is the same after a file', () => {
    expect(parseView(formatView(view))).toEqual(view);
    expect(parseView('')).toEqual(NEW_VIEW);
  });

  it('is the same after a link, which holds what differs from a new one', () => {
    expect(fromLink(toLink(view))).toEqual(view);
    expect(toLink(view)).toMatch(/^[\w-]+$/);
    expect(toLink(NEW_VIEW).length).toBeLessThan(4);
  });

  it('leaves out what is not as it should be', () => {
    const text = JSON.stringify({
      runs: [1],
      widths: { a: 'x' },
      charts: [{ kind: 'lines', metric: 'auc' }],
      strokes: { a: -1 },
      sort: 'eta',
      filter: 'x',
      other: 1
    });
    expect(parseView(text)).toEqual({ ...NEW_VIEW, filter: 'x' });
  });

  it.each(['[', '3', 'null', '{"version": 2}'])('is not %s', text => {
    expect(() => parseView(text)).toThrow();
    expect(() => fromLink('%%%')).toThrow('This link holds no view');
  });
});
