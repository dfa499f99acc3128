import { Viewport } from '../viewport';

let viewport: Viewport;
const usual = () => undefined;

beforeEach(() => {
  viewport = new Viewport();
  viewport.height = 360;
  viewport.rowHeight = 18;
});

describe('Viewport', () => {
  it('is exact as long as everything fits', () => {
    viewport.count = 1000;
    viewport.scrollTo(1234, 0, usual);
    expect(viewport.anchor).toEqual({ index: 68, offset: 10 });
    expect(viewport.scrollTop).toBe(1234);
    expect(viewport.totalHeight).toBe(18_000);
  });

  it('scrolls ten million lines by pixels, and drags to any part of them', () => {
    viewport.count = 10_000_000;
    const room = viewport.totalHeight - viewport.height;
    expect(viewport.totalHeight).toBeLessThan(10_000_000);
    viewport.scrollTo(room / 2, 0, usual);
    const { index } = viewport.anchor;
    expect(index / viewport.count).toBeCloseTo(0.5, 3);
    viewport.scrollTo(room / 2 + 36, room / 2, usual);
    expect(viewport.anchor.index).toBe(index + 2);
    expect(viewport.scrollTop).toBeCloseTo(room / 2, -1);
    viewport.scrollTo(room, 0, usual);
    expect(viewport.anchor.index).toBe(10_000_000 - 20);
    viewport.scrollTo(0, room, usual);
    expect(viewport.anchor).toEqual({ index: 0, offset: 0 });
  });

  it('moves over rows of different heights', () => {
    viewport.count = 100;
    viewport.wrapped = true;
    const heights = (index: number) => (index === 1 ? 90 : undefined);
    viewport.scrollTo(60, 0, heights);
    expect(viewport.anchor).toEqual({ index: 1, offset: 42 });
    viewport.scrollTo(130, 60, heights);
    expect(viewport.anchor).toEqual({ index: 3, offset: 4 });
    viewport.scrollTo(80, 130, heights);
    expect(viewport.anchor).toEqual({ index: 1, offset: 62 });
  });

  it('reveals rows that are out of sight', () => {
    viewport.count = 1000;
    viewport.reveal(5);
    expect(viewport.anchor.index).toBe(0);
    viewport.reveal(500);
    expect(viewport.anchor.index).toBe(490);
    viewport.reveal(999);
    expect(viewport.anchor.index).toBe(980);
  });
});
