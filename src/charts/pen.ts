/** What charts are drawn with: a canvas, or an SVG that is written. */
export type Pen = Pick<
  CanvasRenderingContext2D,
  | 'beginPath'
  | 'fillRect'
  | 'fillText'
  | 'lineTo'
  | 'moveTo'
  | 'setLineDash'
  | 'stroke'
> & {
  strokeStyle: unknown;
  fillStyle: unknown;
  lineWidth: number;
  globalAlpha: number;
  textAlign: CanvasTextAlign;
  textBaseline: CanvasTextBaseline;
};

/** Writes what is drawn as SVG. */
export class SvgPen implements Pen {
  constructor(
    private readonly _width: number,
    private readonly _height: number,
    private readonly _font: string
  ) {}

  strokeStyle: unknown = '#000';
  fillStyle: unknown = '#000';
  lineWidth = 1;
  globalAlpha = 1;
  textAlign: CanvasTextAlign = 'start';
  textBaseline: CanvasTextBaseline = 'alphabetic';

  beginPath(): void {
    this._path = [];
  }

  moveTo(x: number, y: number): void {
    this._path.push(`M${short(x)} ${short(y)}`);
  }

  lineTo(x: number, y: number): void {
    this._path.push(`L${short(x)} ${short(y)}`);
  }

  setLineDash(dash: number[]): void {
    this._dash = dash;
  }

  stroke(): void {
    if (this._path.length > 0) {
      this._parts.push(
        `<path fill="none" d="${this._path.join('')}" stroke="${escape(String(this.strokeStyle))}" stroke-width="${this.lineWidth}" stroke-dasharray="${this._dash.join(' ')}" opacity="${this.globalAlpha}"/>`
      );
    }
  }

  fillRect(x: number, y: number, width: number, height: number): void {
    this._parts.push(
      `<rect x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}" fill="${escape(String(this.fillStyle))}" opacity="${this.globalAlpha}"/>`
    );
  }

  fillText(text: string, x: number, y: number): void {
    const anchor =
      { center: 'middle', right: 'end', end: 'end' }[
        this.textAlign as string
      ] ?? 'start';
    const shift =
      { middle: '0.35em', top: '0.8em', hanging: '0.8em' }[
        this.textBaseline as string
      ] ?? '0';
    this._parts.push(
      `<text x="${short(x)}" y="${short(y)}" dy="${shift}" text-anchor="${anchor}" fill="${escape(String(this.fillStyle))}">${escape(text)}</text>`
    );
  }

  /** The whole picture. */
  toString(): string {
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${this._width}" height="${this._height}" viewBox="0 0 ${this._width} ${this._height}" font-family="${escape(this._font)}" font-size="11">${this._parts.join('')}</svg>`;
  }

  private _dash: number[] = [];
  private readonly _parts: string[] = [];
  private _path: string[] = [];
}

function short(number: number): string {
  return String(Math.round(number * 100) / 100);
}

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** Round numbers between two, about `count` of them. */
export function ticks(min: number, max: number, count: number): number[] {
  const rough = (max - min) / Math.max(1, count);
  if (!(rough > 0) || !Number.isFinite(rough)) {
    return [min];
  }
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find(each => each * power >= rough) ?? 10);
  const first = Math.ceil(min / step);
  const last = Math.floor(max / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) =>
    Number(((first + index) * step).toPrecision(12))
  );
}

/** Powers of ten between two positive numbers, or round numbers where there are fewer than two. */
export function logTicks(min: number, max: number, count: number): number[] {
  const [from, to] = [Math.ceil(Math.log10(min)), Math.floor(Math.log10(max))];
  if (to - from < 1) {
    return ticks(min, max, count).filter(tick => tick > 0);
  }
  const step = Math.max(1, Math.ceil((to - from) / count));
  return Array.from(
    { length: Math.floor((to - from) / step) + 1 },
    (_, index) => 10 ** (from + index * step)
  );
}
