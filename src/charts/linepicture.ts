import type { IStroke, IThemeColors } from './colors';
import { align, extent, type IPlotLine } from './lines';
import type { Pen } from './pen';
import { scaleOf } from './scale';

const LEFT = 64;
const RIGHT = 200;
const TOP = 24;
const BOTTOM = 28;

/** Height of a name beside the lines, and most of them. */
const NAME = 14;

export interface ILinePicture {
  title: string;
  lines: readonly IPlotLine[];
  strokeOf: (key: string) => IStroke;
  nameOf: (key: string) => string;
  logX: boolean;
  logY: boolean;
}

/** Draw lines with their axes and names, as a picture that stands alone. */
export function drawLines(
  pen: Pen,
  picture: ILinePicture,
  width: number,
  height: number,
  theme: IThemeColors
): void {
  const { lines, logX, logY } = picture;
  const [places, ...columns] = align(lines, width, logX);
  const across = scaleOf(extent(lines, logX), logX);
  const known = columns.flatMap(column =>
    column.filter(y => y !== null && (!logY || y > 0))
  );
  const range = [
    known.reduce<number>((a, b) => Math.min(a, b ?? a), Infinity),
    known.reduce<number>((a, b) => Math.max(a, b ?? a), -Infinity)
  ];
  const up = scaleOf(range.every(Number.isFinite) ? range : [1, 2], logY);
  const x = (place: number) => LEFT + place * (width - LEFT - RIGHT);
  const y = (place: number) =>
    height - BOTTOM - place * (height - TOP - BOTTOM);
  pen.lineWidth = 1;
  pen.setLineDash([]);
  pen.strokeStyle = theme.grid;
  pen.fillStyle = theme.text;
  pen.textBaseline = 'middle';
  pen.textAlign = 'left';
  pen.fillText(picture.title, LEFT, 10);
  pen.beginPath();
  pen.textAlign = 'right';
  for (const { text, place } of up.labels) {
    pen.moveTo(x(0), y(place));
    pen.lineTo(x(1), y(place));
    pen.fillText(text, x(0) - 5, y(place));
  }
  pen.textAlign = 'center';
  for (const { text, place } of across.labels) {
    pen.moveTo(x(place), y(0));
    pen.lineTo(x(place), y(1));
    pen.fillText(text, x(place), y(0) + 12);
  }
  pen.stroke();
  pen.textAlign = 'left';
  columns.forEach((column, index) => {
    const key = lines[index]?.key ?? '';
    const { color, dash } = picture.strokeOf(key);
    pen.strokeStyle = color;
    pen.lineWidth = 1.5;
    pen.setLineDash([...dash]);
    pen.beginPath();
    let isOn = false;
    column.forEach((value, number) => {
      const [left, top] = [
        across.place(places[number] ?? null),
        up.place(value)
      ];
      if (value === null || Number.isNaN(left + top)) {
        return;
      }
      if (isOn) {
        pen.lineTo(x(left), y(top));
      } else {
        pen.moveTo(x(left), y(top));
        isOn = true;
      }
    });
    pen.stroke();
    const row = TOP + NAME * index;
    if (row < height - BOTTOM) {
      pen.beginPath();
      pen.moveTo(x(1) + 10, row);
      pen.lineTo(x(1) + 30, row);
      pen.stroke();
      pen.fillText(picture.nameOf(key).slice(0, 28), x(1) + 36, row);
    }
  });
}
