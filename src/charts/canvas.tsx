import React, {
  type ReactNode,
  useEffect,
  useReducer,
  useRef,
  useState
} from 'react';

import { type IThemeColors, onThemeChange, themeColors } from './colors';
import type { Pen } from './pen';

/** A place in a canvas, in pixels from its top left. */
export interface IPlace {
  x: number;
  y: number;
}

export interface ICanvasProps {
  label: string;
  height: number;
  /** Draw all. */
  draw: (pen: Pen, width: number, theme: IThemeColors) => void;
  /** Draw what is on top, such as what is pointed at: it changes often. */
  drawOver?: (pen: Pen, theme: IThemeColors) => void;
  /** Called with what ends the calls when `drawOver` would draw something else. */
  onOver?: (redraw: () => void) => () => void;
  onMove?: (place: IPlace | null) => void;
  /** A pointer went down, was moved to, and up again, where `end` says so. */
  onDrag?: (start: IPlace, place: IPlace, end: boolean) => void;
  children?: ReactNode;
}

/** A picture that is drawn as wide as there is room, anew for another theme. */
export function Canvas(props: ICanvasProps): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const base = useRef<HTMLCanvasElement>(null);
  const over = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const [theme, retheme] = useReducer((count: number) => count + 1, 0);
  const start = useRef<IPlace | null>(null);
  const { draw, drawOver, height, onOver } = props;

  useEffect(() => onThemeChange(retheme), []);

  useEffect(() => {
    const node = box.current;
    if (node === null) {
      return;
    }
    const measure = () => setWidth(node.clientWidth);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(node);
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    const pen = penFor(base.current, width, height);
    if (pen && box.current) {
      draw(pen, width, themeColors(box.current));
    }
  }, [draw, width, height, theme]);

  useEffect(() => {
    const redraw = () => {
      const pen = penFor(over.current, width, height);
      if (pen && box.current) {
        drawOver?.(pen, themeColors(box.current));
      }
    };
    redraw();
    return onOver?.(redraw);
  }, [drawOver, onOver, width, height, theme]);

  const placeOf = (event: React.PointerEvent): IPlace => {
    const { left, top } = event.currentTarget.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };
  return (
    <div
      ref={box}
      className="jp-MLStudio-canvas"
      style={{ height }}
      role="img"
      aria-label={props.label}
      onPointerMove={event => {
        const place = placeOf(event);
        if (start.current === null) {
          props.onMove?.(place);
        } else {
          props.onDrag?.(start.current, place, false);
        }
      }}
      onPointerLeave={() => props.onMove?.(null)}
      onPointerDown={event => {
        start.current = placeOf(event);
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerUp={event => {
        if (start.current !== null) {
          props.onDrag?.(start.current, placeOf(event), true);
        }
        start.current = null;
      }}
    >
      <canvas ref={base} style={{ width, height }} />
      <canvas ref={over} style={{ width, height }} />
    </div>
  );
}

/** Make a canvas as fine as the screen, empty it, and give what draws on it. */
function penFor(
  canvas: HTMLCanvasElement | null,
  width: number,
  height: number
): CanvasRenderingContext2D | null {
  const pen = canvas?.getContext('2d') ?? null;
  if (canvas === null || pen === null || width === 0) {
    return null;
  }
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  pen.scale(ratio, ratio);
  pen.font = `11px ${getComputedStyle(canvas).fontFamily}`;
  return pen;
}
