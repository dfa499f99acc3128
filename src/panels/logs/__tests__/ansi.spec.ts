import { plain, spansOf } from '../ansi';

const ESC = '\x1b[';

describe('spansOf', () => {
  it.each([
    ['text', [['text', '']]],
    [
      `${ESC}1;31mred${ESC}0m and not`,
      [
        ['red', 'jp-mod-bold jp-mod-red'],
        [' and not', '']
      ]
    ],
    [`${ESC}92mbright${ESC}m`, [['bright', 'jp-mod-green']]],
    [`${ESC}38;5;196mx`, [['x', 'jp-mod-red']]],
    [`${ESC}38;2;10;200;10mx`, [['x', 'jp-mod-green']]],
    [`${ESC}38;5;240mgrey`, [['grey', '']]],
    [`${ESC}44mon blue${ESC}49m`, [['on blue', 'jp-mod-on-blue']]],
    [
      `${ESC}4;9mx${ESC}24my`,
      [
        ['x', 'jp-mod-underline jp-mod-strike'],
        ['y', 'jp-mod-strike']
      ]
    ],
    [`${ESC}2K${ESC}1Gwhole`, [['whole', '']]],
    ['\x1b]8;;http://x\x07link\x1b]8;;\x07', [['link', '']]],
    [`${ESC}`, [[ESC, '']]]
  ])('of %j', (text, expected) => {
    expect(spansOf(text).map(span => [span.text, span.className])).toEqual(
      expected
    );
  });

  it('has the text that is copied', () => {
    const text = `a${ESC}31mb${ESC}0mc\x1b]0;title\x07d`;
    expect(plain(text)).toBe('abcd');
    expect(
      spansOf(text)
        .map(span => span.text)
        .join('')
    ).toBe('abcd');
  });
});
