import { BarChart, LineChart, ScatterChart } from 'echarts/charts';
import {
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  TooltipComponent,
} from 'echarts/components';
import * as echarts from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';
import { useEffect, useRef, useState } from 'react';
import { save } from './api';
import type { ChartData, Option } from './types';

echarts.use([
  BarChart,
  LineChart,
  ScatterChart,
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  TooltipComponent,
  CanvasRenderer,
]);

/** Colours that are too faint on a dark ground, brighter: the same as in the report. */
const BRIGHT: Record<string, string> = {
  '#0072B2': '#3D9BE0',
  '#56B4E9': '#A6DAF7',
  '#8A7A00': '#C2B13A',
  '#6A51A3': '#A58FD8',
  '#525252': '#B4B8BE',
};

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
const MONTH = /^\d{4}-\d{2}/;

interface Point {
  seriesName: string;
  marker: string;
  value: unknown;
  axisValueLabel?: string;
  name: string;
  seriesIndex: number;
}

/** The lines of a tooltip: each value with its unit, and the total of a stack. */
function tip(points: Point | Point[], option: Option): string {
  const found = Array.isArray(points) ? points : [points];
  const unit = [option.yAxis].flat()[0]?.name ?? '';
  const number = (p: Point) => Number(Array.isArray(p.value) ? p.value.at(-1) : p.value);
  const shown = found.filter((p) => p.seriesName && Number.isFinite(number(p)));
  const stacked = shown.filter((p) => [option.series].flat()[p.seriesIndex]?.stack);
  const rows = shown.map((p) => `${p.marker} ${escaped(p.seriesName)} <b>${escaped(tick(number(p)))}</b>`);
  if (stacked.length > 1) {
    rows.push(`total <b>${escaped(tick(stacked.reduce((sum, p) => sum + number(p), 0)))}</b>`);
  }
  const head = found[0]?.axisValueLabel ?? found[0]?.name ?? '';
  return [`${escaped(head)} <small>${escaped(unit.replace(' (log scale)', ''))}</small>`, ...rows].join('<br>');
}

/** The report's option, fit to a panel of the screen: ink of the theme, January ticks, numbers with units. */
function fitted(chart: ChartData, dark: boolean, width: number): Option {
  const text = JSON.stringify(chart.option);
  const option: Option = JSON.parse(
    dark ? text.replace(/#(0072B2|56B4E9|8A7A00|6A51A3|525252)/gi, (c) => BRIGHT[c.toUpperCase()] ?? c) : text,
  );
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue('--dim').trim();
  const line = style.getPropertyValue('--line').trim();
  const panel = style.getPropertyValue('--panel').trim();
  const axes = (given: unknown) => [given].flat().filter(Boolean) as Option[];
  const label = (a: Option, more: Option) => {
    a.axisLabel = { ...a.axisLabel, color: ink, fontSize: 11, ...more };
    a.nameTextStyle = { ...a.nameTextStyle, color: ink, fontSize: 11, align: 'left' };
    a.axisLine = { ...a.axisLine, lineStyle: { color: line } };
    a.splitLine = { ...a.splitLine, lineStyle: { color: line } };
  };
  for (const axis of axes(option.xAxis)) {
    const months = axis.type === 'category' && MONTH.test(String(axis.data?.[0] ?? ''));
    if (months) {
      const years = axis.data.filter((m: string) => m.slice(5, 7) === '01').length;
      const every = Math.max(1, Math.ceil((years * 38) / Math.max(width - 70, 80)));
      const first = Number(String(axis.data[0]).slice(0, 4));
      label(axis, {
        hideOverlap: true,
        interval: (_: number, m: string) => m.slice(5, 7) === '01' && (Number(m.slice(0, 4)) - first) % every === 0,
        formatter: (m: string) => m.slice(0, 4),
      });
    } else if (axis.type === 'value') {
      label(axis, { formatter: axis.calendar_years ? String : tick, hideOverlap: true });
    } else label(axis, { hideOverlap: true });
  }
  for (const axis of axes(option.yAxis)) {
    label(axis, axis.type === 'value' || axis.type === 'log' ? { formatter: tick } : {});
    axis.nameGap = 8;
    if (axis.type !== 'category') axis.splitNumber = 3;
  }
  if (option.legend) {
    option.legend = {
      ...option.legend,
      type: 'scroll',
      top: 0,
      left: 0,
      right: 0,
      itemGap: 8,
      itemWidth: 10,
      itemHeight: 7,
      textStyle: { color: ink, fontSize: 11 },
      pageTextStyle: { color: ink },
      pageIconColor: ink,
    };
  }
  if (option.grid && !Array.isArray(option.grid)) {
    option.grid = { ...option.grid, left: 4, right: 12, top: 40, bottom: 2, containLabel: true };
  }
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
    formatter: (points: Point | Point[]) => tip(points, option),
  };
  return option;
}

interface Props {
  place: string;
  chart: ChartData;
  stale: boolean;
  dark: boolean;
  group?: string;
  tools?: React.ReactNode;
}

export function Chart({ place, chart, stale, dark, group, tools }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const drawn = useRef<echarts.ECharts | null>(null);
  const [table, setTable] = useState(false);
  const [said, setSaid] = useState('');
  const cursor = useRef(-1);
  const latest = useRef(chart);
  latest.current = chart;

  useEffect(() => {
    if (table || !box.current) return;
    const made = echarts.init(box.current, null, { renderer: 'canvas' });
    drawn.current = made;
    if (group) {
      made.group = group;
      echarts.connect(group);
    }
    const draw = () => made.setOption(fitted(latest.current, dark, made.getWidth()), { notMerge: true });
    const watch = new ResizeObserver(() => {
      made.resize();
      draw();
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
    if (made) made.setOption(fitted(chart, dark, made.getWidth()), { notMerge: true });
  }, [chart, dark, table]);

  const move = (by: number) => {
    const made = drawn.current;
    const names: string[] = [chart.option.xAxis].flat()[0]?.data ?? [];
    if (!made || !names.length) return;
    const at = Math.min(Math.max(cursor.current + by, 0), names.length - 1);
    cursor.current = at;
    const series = [chart.option.series].flat() as Option[];
    made.dispatchAction({ type: 'showTip', seriesIndex: series.findIndex((s) => s.name), dataIndex: at });
    const values = series
      .filter((s) => s.name && typeof s.data?.[at] === 'number')
      .map((s) => `${s.name} ${tick(s.data[at])}`);
    setSaid(`${names[at]}: ${values.join(', ')}`);
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
        <h2>{chart.heading}</h2>
        <span className="tools">
          {tools}
          <button className="quiet" aria-pressed={table} onClick={() => setTable(!table)}>
            Table
          </button>
          {!table && (
            <button
              className="quiet"
              aria-label={`Save ${chart.heading} as a picture`}
              onClick={() => {
                const back = getComputedStyle(document.documentElement).getPropertyValue('--panel').trim();
                const url = drawn.current?.getDataURL({ pixelRatio: 2, backgroundColor: back });
                if (url) save(url, `${chart.id}.png`);
              }}
            >
              PNG
            </button>
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
        <>
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
          <p className="unseen" aria-live="polite">
            {said}
          </p>
        </>
      )}
    </section>
  );
}
