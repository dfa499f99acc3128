import { Button, closeIcon } from '@jupyterlab/ui-components';
import React, {
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useState
} from 'react';

import { Canvas, type IPlace } from '../../charts/canvas';
import type { IThemeColors } from '../../charts/colors';
import { type Brushes, ParallelLayout } from '../../charts/parallel';
import { type Pen, SvgPen } from '../../charts/pen';
import { useTrans } from '../../components/translation';
import { ColumnSelect, IconButton } from './controls';
import { chartColumns, chartValues, titleOfColumn } from './values';
import type { IChartProps } from './lines';
import { Flag } from './linecontrols';
import { pictureColors, usePicture } from './pictures';
import type { IParallelView } from './view';

const HEIGHT = 280;

/** A place this near to where a pointer went down is a click, in pixels. */
const CLICK = 3;

/** A line for each run across axes that can be brushed. */
export function ParallelChart(props: IChartProps<IParallelView>): JSX.Element {
  const trans = useTrans();
  const { highlight, model, view } = props;
  const { value } = model;
  const [brushes, setBrushes] = useState<Brushes>({});
  const ids = view.axes.map(axis => axis.id).join('\n');
  useEffect(() => model.want(ids.split('\n')), [ids, model]);
  const { filter } = model.view;
  const values = useMemo(
    () => (value === null ? null : chartValues(value, model)),
    // The view's filter and aggregates decide which values these are.
    [value, model, filter, model.view.aggregates]
  );
  const axes = useMemo(
    () =>
      view.axes.map(axis => ({
        ...axis,
        title: titleOfColumn(axis.id),
        values: values?.valuesOf(axis.id) ?? []
      })),
    [view.axes, values]
  );
  const layout = useRef<ParallelLayout | null>(null);
  const layoutFor = useCallback(
    (width: number) => {
      const { current } = layout;
      if (current?.axes !== axes || current.width !== width) {
        layout.current = new ParallelLayout(axes, width, HEIGHT);
      }
      return layout.current ?? new ParallelLayout(axes, width, HEIGHT);
    },
    [axes]
  );
  const draw = useCallback(
    (pen: Pen, width: number, theme: IThemeColors) =>
      layoutFor(width).draw(pen, brushes, theme),
    [layoutFor, brushes]
  );
  const drawOver = useCallback(
    (pen: Pen, theme: IThemeColors) => {
      const { current } = layout;
      const run = values?.runs.findIndex(
        (_, index) => values.nameOf(index) === highlight.run
      );
      if (current && run !== undefined && run >= 0) {
        pen.strokeStyle = theme.text;
        pen.lineWidth = 3;
        pen.beginPath();
        current.trace(pen, run);
        pen.stroke();
      }
    },
    [values, highlight]
  );
  const onOver = useCallback(
    (redraw: () => void) => {
      highlight.changed.connect(redraw);
      return () => {
        highlight.changed.disconnect(redraw);
      };
    },
    [highlight]
  );
  usePicture(
    useCallback(() => {
      const pen = new SvgPen(900, HEIGHT, 'sans-serif');
      new ParallelLayout(axes, 900, HEIGHT).draw(pen, brushes, pictureColors());
      return pen.toString();
    }, [axes, brushes])
  );
  const chosen = useMemo(
    () => new ParallelLayout(axes, 1, 1).brushed(brushes),
    [axes, brushes]
  );
  const brush = (id: string, range: readonly [number, number] | null) => {
    const rest = Object.entries(brushes).filter(([other]) => other !== id);
    setBrushes(
      Object.fromEntries(range === null ? rest : [...rest, [id, range]])
    );
  };
  const onDrag = (start: IPlace, place: IPlace, end: boolean) => {
    const { current } = layout;
    const axis = view.axes[current?.axisAt(start.x) ?? -1];
    if (!current || axis === undefined) {
      return;
    }
    const [a, b] = [current.placeAt(start.y), current.placeAt(place.y)];
    const isClick = end && Math.abs(start.y - place.y) < CLICK;
    brush(axis.id, isClick ? null : [Math.min(a, b), Math.max(a, b)]);
  };
  const names = chosen.map(index => values?.nameOf(index) ?? '');
  const isBrushed = Object.keys(brushes).length > 0;
  return (
    <>
      <Canvas
        height={HEIGHT}
        label={trans.__(
          'A line for each run across %1',
          ids.replace(/\n/g, ', ')
        )}
        draw={draw}
        drawOver={drawOver}
        onOver={onOver}
        onMove={place => {
          const run =
            place === null
              ? -1
              : (layout.current?.runAt(place.x, place.y, chosen) ?? -1);
          highlight.run = run < 0 ? null : (values?.nameOf(run) ?? null);
        }}
        onDrag={onDrag}
      />
      <div className="jp-MLStudio-chartFoot">
        <output>
          {isBrushed &&
            trans._n('%1 run is brushed', '%1 runs are brushed', chosen.length)}
        </output>
        {isBrushed && (
          <span>
            <Button
              small
              minimal
              onClick={() => model.update({ drawn: names })}
            >
              {trans.__('Draw their lines')}
            </Button>
            <Button small minimal onClick={() => model.update({ runs: names })}>
              {trans.__('Compare only these')}
            </Button>
            <Button small minimal onClick={() => setBrushes({})}>
              {trans.__('Brush none')}
            </Button>
          </span>
        )}
      </div>
      <details>
        <summary>{trans.__('Axes')}</summary>
        <ul className="jp-MLStudio-axes">
          {view.axes.map((axis, place) => (
            <li key={axis.id}>
              <Axis
                axis={axis}
                range={brushes[axis.id] ?? null}
                onBrush={range => brush(axis.id, range)}
                onChange={changed =>
                  props.onChange({
                    axes: view.axes.flatMap((each, index) =>
                      index === place ? (changed ?? []) : each
                    )
                  })
                }
              />
            </li>
          ))}
        </ul>
        <ColumnSelect
          label={trans.__('Add axis')}
          value=""
          columns={(value === null ? [] : chartColumns(value)).filter(
            id => !view.axes.some(axis => axis.id === id)
          )}
          onChange={id =>
            props.onChange({
              axes: [...view.axes, { id, log: false, flip: false }]
            })
          }
        />
      </details>
    </>
  );
}

type AxisView = IParallelView['axes'][number];

/** How one axis is, and which part of it is brushed: what the pointer does, for the keyboard. */
function Axis(props: {
  axis: AxisView;
  range: readonly [number, number] | null;
  onBrush: (range: readonly [number, number] | null) => void;
  onChange: (axis: AxisView | null) => void;
}): JSX.Element {
  const trans = useTrans();
  const { axis, onBrush, onChange } = props;
  const [from, to] = props.range ?? [0, 1];
  const title = titleOfColumn(axis.id);
  const percent = (
    label: string,
    place: number,
    set: (place: number) => void
  ) => (
    <label>
      {label}{' '}
      <input
        type="number"
        min={0}
        max={100}
        step={5}
        value={Math.round(100 * place)}
        aria-label={trans.__('%1 of %2 in percent', label, title)}
        onChange={event => set(Number(event.target.value) / 100)}
      />{' '}
      %
    </label>
  );
  return (
    <>
      <strong>{title}</strong>{' '}
      <Flag
        label={trans.__('Log')}
        value={axis.log}
        onChange={log => onChange({ ...axis, log })}
      />{' '}
      <Flag
        label={trans.__('Flip')}
        value={axis.flip}
        onChange={flip => onChange({ ...axis, flip })}
      />{' '}
      {percent(trans.__('From'), from, place => onBrush([place, to]))}{' '}
      {percent(trans.__('To'), to, place => onBrush([from, place]))}
      <IconButton
        icon={closeIcon}
        label={trans.__('Remove axis %1', title)}
        onClick={() => onChange(null)}
      />
    </>
  );
}
