/** Where a view of many rows is: so many pixels below the upper edge of a row. */
export interface IAnchor {
  index: number;
  offset: number;
}

/** The most pixels a scrolled area is high; browsers end somewhere above ten million. */
const HIGHEST = 4_000_000;

/** Screens that the user may scroll at once before it counts as dragging the scrollbar. */
const JUMP = 2.5;

/**
 * What a scrollbar stands for, over any number of rows.
 *
 * As long as all rows fit into what browsers can scroll, and are equally high, a pixel of the bar
 * is a pixel of the rows. Otherwise the bar says which part of the rows is seen; turning the wheel
 * or paging moves by pixels all the same.
 */
export class Viewport {
  /** Rows there are. */
  count = 0;
  /** Height of what is seen, and of a usual row, in pixels. */
  height = 0;
  rowHeight = 18;
  /** Whether rows may be higher than a usual one. */
  wrapped = false;
  anchor: IAnchor = { index: 0, offset: 0 };

  /** Height of everything as the scrollbar has it. */
  get totalHeight(): number {
    const natural = this.count * this.rowHeight;
    return Math.max(this.height, Math.min(natural, HIGHEST));
  }

  /** Whether a pixel of the bar is a pixel of the rows. */
  get isExact(): boolean {
    return !this.wrapped && this.count * this.rowHeight <= HIGHEST;
  }

  /** How many usual rows fill the view. */
  get pageRows(): number {
    return Math.max(1, Math.floor(this.height / this.rowHeight));
  }

  /** Where the scrollbar stands for the anchor. */
  get scrollTop(): number {
    const { index, offset } = this.anchor;
    if (this.isExact) {
      return index * this.rowHeight + offset;
    }
    const last = Math.max(1, this.count - this.pageRows);
    const share = (index + offset / this.rowHeight) / last;
    return Math.min(1, share) * (this.totalHeight - this.height);
  }

  /**
   * Go where the user scrolled.
   *
   * @param top - where the scrollbar is.
   * @param before - where it was.
   * @param heightOf - the height of a row, where it is known.
   */
  scrollTo(
    top: number,
    before: number,
    heightOf: (index: number) => number | undefined
  ): void {
    const room = this.totalHeight - this.height;
    if (this.isExact) {
      const index = Math.floor(top / this.rowHeight);
      this.anchor = { index, offset: top - index * this.rowHeight };
    } else if (top <= 0) {
      this.anchor = { index: 0, offset: 0 };
    } else if (Math.abs(top - before) <= JUMP * this.height) {
      this.moveBy(top - before, heightOf);
    } else {
      const last = Math.max(0, this.count - this.pageRows);
      this.anchor = {
        index: Math.round((Math.min(top, room) / Math.max(room, 1)) * last),
        offset: 0
      };
    }
  }

  /** Move by pixels over rows of different heights. */
  moveBy(
    pixels: number,
    heightOf: (index: number) => number | undefined
  ): void {
    const height = (index: number) => heightOf(index) ?? this.rowHeight;
    let { index, offset } = this.anchor;
    offset += pixels;
    while (offset < 0 && index > 0) {
      index -= 1;
      offset += height(index);
    }
    while (index < this.count - 1 && offset >= height(index)) {
      offset -= height(index);
      index += 1;
    }
    this.anchor = { index, offset: Math.max(0, offset) };
  }

  /** Bring a row into the middle, unless it is in sight. */
  reveal(index: number): void {
    const first = this.anchor.index;
    if (index > first && index < first + this.pageRows - 1) {
      return;
    }
    const top = index - Math.floor(this.pageRows / 2);
    const last = Math.max(0, this.count - this.pageRows);
    this.anchor = { index: Math.min(Math.max(0, top), last), offset: 0 };
  }
}
