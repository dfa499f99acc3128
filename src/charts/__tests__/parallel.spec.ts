import { ParallelLayout } from '../parallel';
import { logTicks, SvgPen, ticks } from '../pen';
import { colorAt, histogram, scaleOf } from '../scale';
import { ScatterLayout } from '../scatter';

const THEME = { text: '#000', grid: '#ccc' };

function axis(
  id: string,
  values: (number | string | null)[],
  more: { log?: boolean; flip?: boolean } = {}
) {
  return { id, title: id, log: false, flip: false, values, ...more };
}

describe('scaleOf', () => {
  it('places numbers, also those that are text', () => {
    const scale = scaleOf(['0', '5', null, '10'], false);
    expect([0, '5', 10].map(value => scale.place(value))).toEqual([0, 0.5, 1]);
    expect(scale.place(null)).toBeNaN();
    expect(scale.labels.map(label => label.text)).toContain('4');
  });

  it('is turned, or logarithmic', () => {
    expect(scaleOf([0, 10], false, true).place(10)).toBe(0);
    const log = scaleOf([0, 1, 10, 100], true);
    expect([1, 10, 100].map(value => log.place(value))).toEqual([0, 0.5, 1]);
    expect(log.place(0)).toBeNaN();
  });

  it('places names in order where not all are numbers', () => {
    const scale = scaleOf(['sgd', 'adam', 'lion'], false);
    expect(['adam', 'lion', 'sgd'].map(v => scale.place(v))).toEqual([
      0, 0.5, 1
    ]);
  });

  it('has a middle for what is all the same, and nothing for nothing', () => {
    expect(scaleOf([3, 3], false).place(3)).toBe(0.5);
    expect(scaleOf([null], false).labels).toEqual([]);
  });
});

describe('ticks', () => {
  it('are round', () => {
    expect(ticks(0, 1, 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(ticks(-3, 12, 3)).toEqual([0, 5, 10]);
    expect(ticks(2, 2, 5)).toEqual([2]);
    expect(logTicks(0.01, 100, 6)).toEqual([0.01, 0.1, 1, 10, 100]);
    expect(logTicks(2, 8, 3)).toEqual([2, 4, 6, 8]);
  });
});

describe('histogram', () => {
  it('counts every number once', () => {
    const found = histogram([0, 1, 2, 3, 4, 10, NaN], 5);
    expect(found.map(bin => bin.count)).toEqual([2, 2, 1, 0, 1]);
    expect(found[4]).toMatchObject({ from: 8, to: 10 });
    expect(histogram([5, 5], 20)).toEqual([{ from: 5, to: 5, count: 2 }]);
    expect(histogram([], 20)).toEqual([]);
  });
});

describe('colorAt', () => {
  it('goes from one colour to another', () => {
    expect(colorAt(0)).toBe('rgb(33, 102, 172)');
    expect(colorAt(1)).toBe('rgb(214, 96, 77)');
    expect(colorAt(NaN)).toBe(colorAt(0.5));
  });
});

describe('ParallelLayout', () => {
  const layout = new ParallelLayout(
    [
      axis('eta', [0.1, 0.2, 0.3, null]),
      axis('optimizer', ['adam', 'sgd', 'adam', 'adam']),
      axis('auc', [0.5, 0.7, 0.9, 0.6], { flip: true })
    ],
    400,
    200
  );

  it('finds the runs that go through all brushes', () => {
    expect(layout.brushed({})).toEqual([0, 1, 2, 3]);
    expect(layout.brushed({ eta: [0.4, 1] })).toEqual([1, 2]);
    expect(layout.brushed({ eta: [0.4, 1], optimizer: [0, 0.1] })).toEqual([2]);
    // The third axis is upside down.
    expect(layout.brushed({ auc: [0, 0.1] })).toEqual([2]);
    expect(layout.brushed({ auc: [0.2, 0.21] })).toEqual([]);
  });

  it('finds axes and lines below the pointer', () => {
    expect(layout.axisAt(layout.x(1) + 5)).toBe(1);
    expect(layout.axisAt((layout.x(0) + layout.x(1)) / 2)).toBe(-1);
    const [x, y] = [(layout.x(0) + layout.x(1)) / 2, layout.y(0.25)];
    expect(layout.runAt(x, layout.y(0.5), [0, 1, 2])).toBe(2);
    expect(layout.runAt(x, layout.y(0), [0])).toBe(0);
    expect(layout.runAt(x, y, [0])).toBe(-1);
    expect(layout.runAt(2, y, [0, 1])).toBe(-1);
    expect(layout.placeAt(layout.y(0.25))).toBeCloseTo(0.25);
  });

  it('draws every line, those that are not brushed behind', () => {
    const pen = new SvgPen(400, 200, 'sans-serif');
    layout.draw(pen, { eta: [0.4, 1] }, THEME);
    const svg = pen.toString();
    expect(svg.match(/stroke="#ccc"/g)).toHaveLength(1);
    expect(svg).toContain('>optimizer</text>');
    expect(svg).toContain('<rect');
  });

  it('lays out 1500 runs across 20 axes at once', () => {
    const axes = Array.from({ length: 20 }, (_, number) =>
      axis(
        `axis-${number}`,
        Array.from({ length: 1500 }, (__, run) => (run * (number + 7)) % 101)
      )
    );
    const big = new ParallelLayout(axes, 1200, 300);
    expect(big.brushed({ 'axis-3': [0, 0.1] }).length).toBeLessThan(200);
    expect(big.places.every(places => places.length === 1500)).toBe(true);
  });
});

describe('ScatterLayout', () => {
  it('finds the point below the pointer', () => {
    const layout = new ScatterLayout(
      axis('eta', [1, 2, null]),
      axis('auc', [5, 6, 7]),
      300,
      200
    );
    const [first, second] = layout.points;
    expect(layout.runAt(first?.[0] ?? 0, (first?.[1] ?? 0) + 3)).toBe(0);
    expect(layout.runAt(second?.[0] ?? 0, second?.[1] ?? 0)).toBe(1);
    expect(layout.runAt(150, 60)).toBe(-1);
    const pen = new SvgPen(300, 200, 'sans-serif');
    layout.draw(pen, () => '#123456', THEME);
    expect(pen.toString().match(/fill="#123456"/g)).toHaveLength(2);
  });
});

describe('SvgPen', () => {
  it('writes text as it is', () => {
    const pen = new SvgPen(10, 10, 'a"b');
    pen.fillText('<a & b>', 1, 2);
    expect(pen.toString()).toContain('&lt;a &amp; b&gt;');
  });
});
