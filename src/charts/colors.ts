/**
 * Colours that people who see colours differently tell apart, on light and on dark ground
 * (the bright scheme of Paul Tol, SRON/EPS/TN/09-002).
 */
const PALETTE: readonly [string, ...string[]] = [
  '#4477aa',
  '#ee6677',
  '#228833',
  '#aa3377',
  '#66ccee',
  '#ccbb44'
];

/** Dashes for when the colours are used up, in pixels. */
const DASHES: readonly [number[], ...number[][]] = [
  [],
  [6, 3],
  [2, 3],
  [10, 3, 2, 3]
];

/** How one of many lines looks. */
export interface IStroke {
  color: string;
  dash: readonly number[];
}

/** The look of the line with this index; the first 24 differ. */
export function strokeOf(index: number): IStroke {
  return {
    color: PALETTE[index % PALETTE.length] ?? PALETTE[0],
    dash: DASHES[Math.floor(index / PALETTE.length) % DASHES.length] ?? []
  };
}

/** The colours of the theme that charts are drawn with. */
export interface IThemeColors {
  text: string;
  grid: string;
}

/** Read the colours of the theme where `node` is. */
export function themeColors(node: Element): IThemeColors {
  const style = getComputedStyle(node);
  const read = (name: string) => style.getPropertyValue(name).trim();
  return {
    text: read('--jp-ui-font-color1'),
    grid: read('--jp-border-color2')
  };
}

/** Call back when JupyterLab's theme has changed; returns what ends that. */
export function onThemeChange(callback: () => void): () => void {
  const observer = new MutationObserver(callback);
  observer.observe(document.body, {
    attributes: true,
    attributeFilter: ['data-jp-theme-name', 'data-jp-theme-light']
  });
  return () => observer.disconnect();
}
