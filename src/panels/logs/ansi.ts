/** A stretch of text that looks alike. */
export interface ISpan {
  text: string;
  /** Class names, or nothing for plain text. */
  className: string;
}

const HUES = [
  'black',
  'red',
  'green',
  'yellow',
  'blue',
  'magenta',
  'cyan',
  'white'
];

/** The classes of styles that are on until they are reset. */
const STYLES: Record<number, string> = {
  1: 'bold',
  2: 'faint',
  3: 'italic',
  4: 'underline',
  7: 'inverse',
  9: 'strike'
};

/** What ends a style. */
const ENDS: Record<number, readonly string[]> = {
  22: ['bold', 'faint'],
  23: ['italic'],
  24: ['underline'],
  27: ['inverse'],
  29: ['strike']
};

// Control sequences (ECMA-48, 5.4), operating system commands such as links, and single escapes.
const ESCAPE =
  // eslint-disable-next-line no-control-regex -- these are control characters
  /\x1b(?:\[([0-9;:]*)[ -/]*([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-Z\\^-~])/g;

/** Text without colours and other control sequences. */
export function plain(text: string): string {
  return text.includes('\x1b') ? text.replace(ESCAPE, '') : text;
}

/** Text in stretches of one look each, as a terminal would colour them. */
export function spansOf(text: string): ISpan[] {
  if (!text.includes('\x1b')) {
    return [{ text, className: '' }];
  }
  const spans: ISpan[] = [];
  const look: ILook = { styles: new Set(), front: '', back: '' };
  let end = 0;
  for (const match of text.matchAll(ESCAPE)) {
    push(spans, text.slice(end, match.index), look);
    end = match.index + match[0].length;
    if (match[2] === 'm') {
      apply(look, (match[1] ?? '').split(/[;:]/).map(Number));
    }
  }
  push(spans, text.slice(end), look);
  return spans;
}

interface ILook {
  styles: Set<string>;
  front: string;
  back: string;
}

function push(spans: ISpan[], text: string, look: ILook): void {
  if (text !== '') {
    const names = [...look.styles, look.front, look.back].filter(Boolean);
    const className = names.map(name => `jp-mod-${name}`).join(' ');
    spans.push({ text, className });
  }
}

/** Apply the codes of one "select graphic rendition" (ECMA-48, 8.3.117). */
function apply(look: ILook, codes: number[]): void {
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at] ?? 0;
    const style = STYLES[code];
    if (code === 0) {
      look.styles.clear();
      look.front = look.back = '';
    } else if (style) {
      look.styles.add(style);
    } else if (ENDS[code]) {
      ENDS[code].forEach(ended => look.styles.delete(ended));
    } else if (code === 38 || code === 48) {
      const [hue, used] = extended(codes.slice(at + 1));
      setHue(look, code === 48, hue);
      at += used;
    } else if (code === 39 || code === 49) {
      setHue(look, code === 49, undefined);
    } else if ((code >= 30 && code < 38) || (code >= 40 && code < 48)) {
      setHue(look, code >= 40, HUES[code % 10]);
    } else if ((code >= 90 && code < 98) || (code >= 100 && code < 108)) {
      setHue(look, code >= 100, HUES[code % 10]);
    }
  }
}

function setHue(look: ILook, back: boolean, hue: string | undefined): void {
  if (back) {
    look.back = hue ? `on-${hue}` : '';
  } else {
    look.front = hue ?? '';
  }
}

/** The nearest of the eight hues to one of 256 colours or to any, and how many codes said it. */
function extended(codes: readonly number[]): [string | undefined, number] {
  if (codes[0] === 2) {
    return [nearest(codes[1] ?? 0, codes[2] ?? 0, codes[3] ?? 0), 4];
  }
  if (codes[0] !== 5) {
    return [undefined, 0];
  }
  const number = codes[1] ?? 0;
  if (number < 16) {
    return [HUES[number % 8], 2];
  }
  if (number >= 232) {
    return [undefined, 2];
  }
  const cube = number - 16;
  const part = (of: number) => (of % 6) * 51;
  const hue = nearest(
    part(Math.floor(cube / 36)),
    part(Math.floor(cube / 6)),
    part(cube)
  );
  return [hue, 2];
}

/** A hue as a theme can show it; grey is the colour of text. */
function nearest(red: number, green: number, blue: number): string | undefined {
  const most = Math.max(red, green, blue);
  if (most - Math.min(red, green, blue) < 40) {
    return undefined;
  }
  const bit = (part: number) => (part > most * 0.6 ? 1 : 0);
  return HUES[bit(red) + 2 * bit(green) + 4 * bit(blue)];
}
