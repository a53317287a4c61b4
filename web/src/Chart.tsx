import { LineChart } from 'echarts/charts';
import {
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  MarkPointComponent,
  TooltipComponent,
} from 'echarts/components';
import * as echarts from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';
import { useEffect, useRef, useState } from 'react';
import { save } from './api';
import type { ChartData, Option } from './types';

echarts.use([
  LineChart,
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  MarkPointComponent,
  TooltipComponent,
  CanvasRenderer,
]);

/** Pixels beside the plot of every chart, so that months stand below each other. */
export const PLOT_LEFT = 46;
export const PLOT_RIGHT = 14;

/** The charts' colours on a dark ground, by those on a white one; the report's own, given by the server. */
export const night = new Map<string, string>();

export function setNight(colours: Record<string, string>): void {
  for (const [day, dark] of Object.entries(colours)) night.set(day.toLowerCase(), dark);
}

export function tick(v: number): string {
  const size = Math.abs(v);
  if (size >= 1e15 || (size && size < 1e-3)) return v.toExponential(2).replace('+', '');
  const units: [number, string][] = [
    [1e12, ' T'],
    [1e9, ' B'],
    [1e6, ' M'],
    [1e3, ' k'],
    [1, ''],
  ];
  const [unit, name] = units.find((u) => size >= u[0] * 0.9995) ?? [1, ''];
  return +(v / unit).toPrecision(3) + name;
}

const escaped = (text: unknown) =>
  String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
interface Point {
  seriesName: string;
  marker: string;
  value: unknown;
  axisValue?: unknown;
  axisValueLabel?: string;
  name: string;
  seriesIndex: number;
  dataIndex: number;
}

const valueAt = (value: unknown) => Number(Array.isArray(value) ? value.at(-1) : value ?? NaN);
/** A point's value: of points with named dimensions the one that is drawn, else the last. */
const drawnValue = (s: Option, value: unknown) =>
  s.dimensions && Array.isArray(value) ? Number(value[1]) : valueAt(value);
const seriesOf = (option: Option) => [option.series].flat() as Option[];

/** The lines of a tooltip: each value with its range and unit, the total of a stack, and what happens in the month. */
function tip(points: Point | Point[], option: Option): string {
  const found = Array.isArray(points) ? points : [points];
  const series = seriesOf(option);
  const shows = option.shows ?? {};
  const shown = found.filter((p) => p.seriesName && Number.isFinite(valueAt(p.value)));
  const rows = shown.map((p) => {
    const s = series[p.seriesIndex] ?? {};
    const [low, high] = [s.range?.low?.[p.dataIndex], s.range?.high?.[p.dataIndex]];
    const range = typeof low === 'number' && typeof high === 'number' ? ` (${tick(low)} to ${tick(high)})` : '';
    return `${p.marker} ${escaped(p.seriesName)} <b>${escaped(tick(valueAt(p.value)))}</b>${escaped(range)} ${escaped(s.unit ?? '')}`;
  });
  const stacked = shown.filter((p) => series[p.seriesIndex]?.stack);
  if (shows.total && stacked.length > 1) {
    const sum = stacked.reduce((all, p) => all + valueAt(p.value), 0);
    rows.push(`${escaped(shows.total)} <b>${escaped(tick(sum))}</b>`);
  }
  const first = found[0];
  const time = typeof first?.axisValue === 'number' && shows.time;
  const day = time ? new Date(first.axisValue as number).toISOString().slice(0, 7) : '';
  const head = day || (first?.axisValueLabel ?? first?.name ?? '');
  for (const event of shows.events ?? []) {
    if (day && String(event.day).startsWith(day)) rows.push(`◆ ${escaped(event.text)}`);
  }
  return [`${escaped(head)} <small>${escaped(shows.unit ?? '')}</small>`, ...rows].join('<br>');
}

/** The tooltip of one point: all that is known of it. */
function single(point: Point, option: Option): string {
  const s = seriesOf(option)[point.seriesIndex] ?? {};
  const value = [point.value].flat();
  const rows = s.dimensions
    ? (s.dimensions as string[]).map((d, i) => `${escaped(d)} <b>${escaped(typeof value[i] === 'number' ? tick(value[i]) : value[i])}</b>`)
    : [`<b>${escaped(tick(valueAt(value)))}</b> ${escaped(option.shows?.unit ?? '')}`];
  const names = [option.xAxis, option.yAxis].flat().map((a, i) => (a?.type === 'category' ? a.data?.[value[i] as number] : undefined));
  const head = point.seriesName && !/^series/.test(point.seriesName) ? point.seriesName : names.filter(Boolean).join(', ');
  return [head && `${point.marker} ${escaped(head)}`, ...rows].filter(Boolean).join('<br>');
}

/** The report's option, fit to a panel of the screen: ink of the theme, January ticks, numbers with units. */
function fitted(chart: ChartData, dark: boolean, width: number, height: number): Option {
  const small = height < 200;
  const size = innerWidth >= 1800 ? 13 : 11;
  const text = JSON.stringify(chart.option);
  const option: Option = JSON.parse(
    dark ? text.replace(/#[0-9a-f]{6}/gi, (c) => night.get(c.toLowerCase()) ?? c) : text,
  );
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue('--dim').trim();
  const line = style.getPropertyValue('--line').trim();
  const panel = style.getPropertyValue('--panel').trim();
  const axes = (given: unknown) => [given].flat().filter(Boolean) as Option[];
  const label = (a: Option, more: Option) => {
    a.axisLabel = { ...a.axisLabel, color: ink, fontSize: size, ...more };
    a.nameTextStyle = { ...a.nameTextStyle, color: ink, fontSize: size, align: 'left' };
    a.axisLine = { ...a.axisLine, lineStyle: { color: line } };
    a.splitLine = { ...a.splitLine, lineStyle: { color: line } };
  };
  for (const axis of axes(option.xAxis)) {
    if (axis.type === 'time') {
      const years = Math.max(new Date(axis.max).getFullYear() - new Date(axis.min).getFullYear(), 1);
      const every = Math.max(1, Math.ceil((years * 40) / Math.max(width - 60, 80)));
      axis.minInterval = every * axis.minInterval;
      label(axis, { hideOverlap: true });
    } else if (axis.type === 'value') {
      label(axis, { formatter: axis.calendar_years ? String : tick, hideOverlap: true });
    } else label(axis, { hideOverlap: true });
  }
  for (const s of seriesOf(option)) {
    if (small && s.markLine) s.markLine.label = { show: false };
    if (width < 500 && s.type === 'heatmap') s.label = { show: false };
  }
  for (const axis of axes(option.yAxis)) {
    label(axis, axis.type === 'value' || axis.type === 'log' ? { formatter: tick } : { width: 0.42 * width, overflow: 'break' });
    axis.nameGap = 8;
    if (axis.type === 'value') axis.splitNumber = small ? 2 : 4;
  }
  if (option.legend) {
    const names: string[] = option.legend.data ?? seriesOf(option).map((s) => s.name);
    option.legend = {
      ...option.legend,
      data: names.filter(Boolean).map((name) => ({ name, ...(option.legend.icon && swatch(seriesOf(option).find((s) => s.name === name))) })),
      type: 'scroll',
      top: 0,
      left: 0,
      right: 0,
      itemGap: 8,
      itemWidth: 10,
      itemHeight: 7,
      textStyle: { color: ink, fontSize: size, lineHeight: size + 5 },
      pageTextStyle: { color: ink },
      pageIconColor: ink,
    };
  }
  const named = axes(option.xAxis).some((a) => a.name); // an axis with a name below it needs room
  const rows = axes(option.yAxis).some((a) => a.type === 'category');
  const grid = (g: Option, more: Option) => ({ ...g, containLabel: false, left: rows ? 12 : PLOT_LEFT, right: PLOT_RIGHT, ...more });
  option.grid = Array.isArray(option.grid)
    ? option.grid.map((g: Option, i: number) =>
        grid(g, i ? { top: '66%', bottom: 20 } : { top: 40, bottom: '48%' }),
      )
    : grid(option.grid, { top: 40, bottom: named ? 38 : 20 });
  if (option.visualMap) option.visualMap = { ...option.visualMap, textStyle: { color: ink, fontSize: size } };
  option.aria = { enabled: false };
  option.animation = false;
  option.backgroundColor = 'transparent';
  option.tooltip = {
    ...option.tooltip,
    confine: true,
    appendTo: undefined,
    backgroundColor: panel,
    borderColor: line,
    textStyle: { color: style.getPropertyValue('--ink').trim(), fontSize: 12 },
    formatter: (points: Point | Point[]) => (Array.isArray(points) ? tip(points, option) : single(points, option)),
  };
  return option;
}

/** A line's mark in the legend is a line, dashed as it is; areas and bars have a block. */
function swatch(of?: Option): Option {
  if (of?.type !== 'line' || of.areaStyle) return {};
  const dash = { dashed: 'M0 3h5v2H0zM8 3h5v2H8z', dotted: 'M0 3h2v2H0zM5 3h2v2H5zM10 3h2v2h-2z' }[of.lineStyle?.type as string];
  return { icon: `path://${dash ?? 'M0 3h13v2H0z'}` };
}

/** Between values of the axes and pixels of the drawing. */
export interface Scale {
  pixel: (axis: 'x' | 'y', value: number) => number;
  value: (axis: 'x' | 'y', pixel: number) => number;
}

interface Props {
  place: string;
  chart: ChartData;
  stale: boolean;
  dark: boolean;
  group?: string;
  /** What stands in the place of the heading, where a panel can show one of several charts. */
  heading?: React.ReactNode;
  tools?: React.ReactNode;
  /** What lies over the plot, given its width in pixels and what takes the tooltip away. */
  over?: (width: number, hush: () => void, at: Scale) => React.ReactNode;
  /** Called with the month, as 2028-07, that is pointed at. */
  pointed?: (month: string) => void;
}

export function Chart({ place, chart, stale, dark, group, heading, tools, over, pointed }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const drawn = useRef<echarts.ECharts | null>(null);
  const [table, setTable] = useState(false);
  const [said, setSaid] = useState('');
  const [width, setWidth] = useState(0);
  const [, setDrawing] = useState(0);
  const cursor = useRef(-1);
  const latest = useRef(chart);
  latest.current = chart;
  const telling = useRef(pointed);
  telling.current = pointed;

  useEffect(() => {
    if (table || !box.current) return;
    const made = echarts.init(box.current, null, { renderer: 'canvas' });
    drawn.current = made;
    if (group) {
      made.group = group;
      echarts.connect(group);
    }
    made.on('updateAxisPointer', (event) => {
      const at = (event as { axesInfo?: { value?: unknown }[] }).axesInfo?.[0]?.value;
      if (typeof at === 'number' && latest.current.option.shows?.time) telling.current?.(new Date(at).toISOString().slice(0, 7));
    });
    const draw = () => made.setOption(fitted(latest.current, dark, made.getWidth(), made.getHeight()), { notMerge: true });
    const watch = new ResizeObserver(() => {
      made.resize();
      draw();
      setWidth(made.getWidth());
      setDrawing((n) => n + 1);
    });
    watch.observe(box.current);
    return () => {
      watch.disconnect();
      made.dispose();
      drawn.current = null;
    };
  }, [table, dark, group]);

  useEffect(() => {
    const made = drawn.current;
    if (made) made.setOption(fitted(chart, dark, made.getWidth(), made.getHeight()), { notMerge: true });
    setDrawing((n) => n + 1); // what lies over the plot follows its axes
  }, [chart, dark, table]);

  const move = (by: number) => {
    const made = drawn.current;
    const series = seriesOf(chart.option);
    const first = series.findIndex((s) => s.name && s.data?.length);
    const names: string[] =
      [chart.option.xAxis].flat()[0]?.data ?? (series[first]?.data ?? []).map((d: unknown[]) => String(d[0]).slice(0, 7));
    if (!made || !names.length) return;
    const at = Math.min(Math.max(cursor.current + by, 0), names.length - 1);
    cursor.current = at;
    made.dispatchAction({ type: 'showTip', seriesIndex: first, dataIndex: at });
    const values = series
      .filter((s) => s.name && s.data?.length === names.length && Number.isFinite(drawnValue(s, s.data[at])))
      .map((s) => `${s.name} ${tick(drawnValue(s, s.data[at]))}`);
    setSaid(`${names[at]}: ${values.join(', ')} ${chart.option.shows?.unit ?? ''}`);
  };
  const back = () => getComputedStyle(document.documentElement).getPropertyValue('--panel').trim();
  const png = () => {
    const url = drawn.current?.getDataURL({ pixelRatio: 2, backgroundColor: back() });
    if (url) save(url, `${chart.id}.png`);
  };
  const svg = async () => {
    const made = drawn.current;
    if (!made) return;
    const [width, height] = [made.getWidth(), made.getHeight()];
    const { svgOf } = await import('./later');
    const text = svgOf({ ...fitted(chart, dark, width, height), backgroundColor: back() }, width, height);
    save(URL.createObjectURL(new Blob([text], { type: 'image/svg+xml' })), `${chart.id}.svg`);
  };
  const scale: Scale = {
    pixel: (axis, value) => Number(drawn.current?.convertToPixel({ [`${axis}AxisIndex`]: 0 }, value)),
    value: (axis, pixel) => Number(drawn.current?.convertFromPixel({ [`${axis}AxisIndex`]: 0 }, pixel)),
  };
  const csv = () => {
    const cell = (text: string) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const lines = [chart.columns, ...chart.rows].map((row) => row.map(cell).join(','));
    save(URL.createObjectURL(new Blob([`${lines.join('\n')}\n`], { type: 'text/csv' })), `${chart.id}.csv`);
  };
  const keys: Record<string, number> = {
    ArrowRight: 1,
    ArrowLeft: -1,
    PageDown: 12,
    PageUp: -12,
    Home: -1e6,
    End: 1e6,
  };

  return (
    <section className={`panel chart ${stale ? 'stale' : ''}`} aria-label={chart.heading} data-chart={place}>
      <div className="bar">
        <h2 title={chart.heading}>{heading ?? chart.heading}</h2>
        <span className="tools">
          {tools}
          <button className="quiet" aria-pressed={table} onClick={() => setTable(!table)}>
            Table
          </button>
          {table ? (
            <button className="quiet" aria-label={`CSV of ${chart.heading}`} onClick={csv}>
              CSV
            </button>
          ) : (
            <>
              <button className="quiet" aria-label={`PNG of ${chart.heading}`} onClick={png}>
                PNG
              </button>
              <button className="quiet" aria-label={`SVG of ${chart.heading}`} onClick={() => void svg()}>
                SVG
              </button>
            </>
          )}
        </span>
      </div>
      {table ? (
        <div className="scroll" tabIndex={0} role="region" aria-label={`${chart.heading}, table`}>
          <table>
            <caption>{chart.figures || chart.caption}</caption>
            <thead>
              <tr>
                {chart.columns.map((c, i) =>
                  c ? (
                    <th key={i} scope="col">
                      {c}
                    </th>
                  ) : (
                    <td key={i} />
                  ),
                )}
              </tr>
            </thead>
            <tbody>
              {chart.rows.map((row, i) => (
                <tr key={i}>
                  <th scope="row">{row[0]}</th>
                  {row.slice(1).map((cell, k) => (
                    <td key={k}>{cell}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <div className="plot">
          <div
            className="drawing"
            ref={box}
            role="img"
            tabIndex={0}
            aria-label={`${chart.heading}. ${chart.caption} Arrow keys read it month by month; the button Table has the numbers.`}
            onKeyDown={(e) => {
              if (e.key in keys) {
                e.preventDefault();
                move(keys[e.key]);
              }
            }}
          />
          {over?.(width, () => drawn.current?.dispatchAction({ type: 'hideTip' }), scale)}
          <p className="unseen" aria-live="polite">
            {said}
          </p>
        </div>
      )}
    </section>
  );
}
