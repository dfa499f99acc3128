import { plain } from './ansi';

/** A place in the text of a row. */
export interface IPoint {
  row: number;
  offset: number;
}

/** What is selected, from the first place to the last. */
export interface IRange {
  start: IPoint;
  end: IPoint;
}

const ROW = '[data-row]';
const TEXT = '.jp-MLStudio-logText';

/** Return what of the rows in a box is selected, also if that is only a place in the text. */
export function selectedRange(box: Element): IRange | null {
  const selection = document.getSelection();
  if (!selection) {
    return null;
  }
  const anchor = pointOf(box, selection.anchorNode, selection.anchorOffset);
  const focus = pointOf(box, selection.focusNode, selection.focusOffset);
  if (anchor === null || focus === null) {
    return null;
  }
  const forwards =
    anchor.row < focus.row ||
    (anchor.row === focus.row && anchor.offset <= focus.offset);
  return forwards
    ? { start: anchor, end: focus }
    : { start: focus, end: anchor };
}

/** Select rows that are drawn, as a whole. */
export function selectRows(box: Element, first: number, last: number): void {
  const node = (row: number) =>
    box.querySelector(`[data-row="${row}"] ${TEXT}`);
  const [start, end] = [node(first), node(last)];
  if (start && end) {
    document
      .getSelection()
      ?.setBaseAndExtent(start, 0, end, end.childNodes.length);
  }
}

/** Cut the texts of rows to what is selected of them. */
export function selectedText(
  range: IRange,
  messages: readonly string[]
): string {
  const texts = messages.map(plain);
  const last = texts.length - 1;
  return texts
    .map((text, index) =>
      text.slice(
        index === 0 ? range.start.offset : 0,
        index === last ? range.end.offset : undefined
      )
    )
    .join('\n');
}

function pointOf(
  box: Element,
  node: Node | null,
  offset: number
): IPoint | null {
  const element = node instanceof Element ? node : node?.parentElement;
  const row = element?.closest(ROW);
  if (!node || !row || !box.contains(row)) {
    return null;
  }
  const number = Number(row.getAttribute('data-row'));
  const text = row.querySelector(TEXT);
  if (!text) {
    return { row: number, offset: 0 };
  }
  if (!text.contains(node)) {
    // Before the text are its time and number, behind it is nothing but the next row.
    const behind =
      text.compareDocumentPosition(node) & Node.DOCUMENT_POSITION_FOLLOWING;
    return { row: number, offset: behind ? Infinity : 0 };
  }
  return { row: number, offset: lengthBefore(text, node, offset) };
}

/** How many characters of an element are before a place in it. */
function lengthBefore(element: Element, node: Node, offset: number): number {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const isText = node instanceof Text;
  const next = isText ? node : node.childNodes[offset];
  const { DOCUMENT_POSITION_CONTAINED_BY, DOCUMENT_POSITION_PRECEDING } = Node;
  const earlier = next
    ? DOCUMENT_POSITION_PRECEDING
    : DOCUMENT_POSITION_CONTAINED_BY | DOCUMENT_POSITION_PRECEDING;
  let length = isText ? offset : 0;
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const isBefore = (next ?? node).compareDocumentPosition(text) & earlier;
    length += isBefore ? (text.nodeValue ?? '').length : 0;
  }
  return length;
}
