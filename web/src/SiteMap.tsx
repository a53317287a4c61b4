import { useEffect, useMemo, useRef, useState } from 'react';
import * as api from './api';
import { night, tick } from './Chart';
import type { Card, Places, Plan, Spot } from './types';

/** Radius of the largest circle: a share of the map's height, and at the most. */
const LARGEST_SHARE = 0.16;
const LARGEST_PX = 60;
const SMALLEST_PX = 3;
const LETTER_PX = 6;
/** Parallels are drawn at the scale of this latitude's meridians. */
const SHRUNK = Math.cos((36 * Math.PI) / 180);

let outline: Promise<string> | null = null;
const land = () => (outline ??= fetch('/land.json').then(async (r) => (await r.json()).path as string));

/** The megawatts of each state at an edge. */
function powerAt(spot: Spot, edge: number): number[] {
  return spot.steps.findLast(([k]) => k <= edge)?.[1] ?? [];
}

/** The last edge of a month or before it. */
const edgeOf = (places: Places, month: string) => Math.max(places.edges.findLastIndex((e) => e.slice(0, 7) <= month), 0);

interface Props {
  plan: Plan;
  /** The month that is pointed at in a chart; the map's own control moves it too. */
  month: string;
  setMonth: (month: string) => void;
  stale: boolean;
  dark: boolean;
  heading: React.ReactNode;
  open: (id: string, card: Card) => void;
}

/** The sites at their places: circles by megawatts, split by state, in the month that is pointed at. */
export function SiteMap({ plan, month, setMonth, stale, dark, heading, open }: Props) {
  const [places, setPlaces] = useState<Places | null>(null);
  const [path, setPath] = useState('');
  const [wrong, setWrong] = useState('');
  const [view, setView] = useState('all places');
  const [table, setTable] = useState(false);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const box = useRef<HTMLDivElement>(null);

  useEffect(() => {
    land().then(setPath, () => undefined);
  }, []);
  useEffect(() => {
    if (stale) return; // once the figures have come, the result is there
    const control = new AbortController();
    api
      .places(plan, control.signal)
      .then((found) => {
        setPlaces(found);
        setWrong('');
      })
      .catch((e: Error) => control.signal.aborted || setWrong(e.message));
    return () => control.abort();
  }, [plan, stale]);
  useEffect(() => {
    if (!box.current) return;
    const watch = new ResizeObserver(([e]) => setSize({ width: e.contentRect.width, height: e.contentRect.height }));
    watch.observe(box.current);
    return () => watch.disconnect();
  }, [table]);

  const edge = places ? edgeOf(places, month || places.edges.at(-1)!) : 0;
  const shown = places?.edges[edge].slice(0, 7) ?? '';
  const colour = (of: string) => (dark ? (night.get(of.toLowerCase()) ?? of) : of);
  const now = useMemo(
    () => places?.spots.map((spot) => ({ spot, mw: powerAt(spot, edge) })).map((s) => ({ ...s, all: s.mw.reduce((a, b) => a + b, 0) })) ?? [],
    [places, edge],
  );
  const sides = places?.views[view] ?? places?.views['all places'] ?? [-180, -60, 180, 80];
  const scale = Math.min(size.width / ((sides[2] - sides[0]) * SHRUNK), size.height / (sides[3] - sides[1]));
  const x = (longitude: number) => size.width / 2 + (longitude - (sides[0] + sides[2]) / 2) * SHRUNK * scale;
  const y = (latitude: number) => size.height / 2 - (latitude - (sides[1] + sides[3]) / 2) * scale;
  const largest = Math.min(LARGEST_PX, LARGEST_SHARE * size.height);
  const radius = (mw: number) => (mw > 0 && places ? Math.max(largest * Math.sqrt(mw / places.most), SMALLEST_PX) : 0);
  const circles = [...now].sort((a, b) => b.all - a.all);
  const boxes: [number, number, number, number][] = [];
  const labels = circles.filter((c) => c.all > 0).map((c) => {
    const text = `${c.spot.name} ${tick(c.all)}`;
    const [cx, cy, r, w] = [x(c.spot.longitude), y(c.spot.latitude), radius(c.all), text.length * LETTER_PX];
    const tried: [number, number][] = [
      [cx + r + 4, cy + 4],
      [cx - r - 8 - w, cy + 4],
      [cx - w / 2, cy - r - 5],
      [cx - w / 2, cy + r + 13],
    ];
    const free = tried.find(
      ([lx, ly]) =>
        lx > 2 && lx + w < size.width - 2 && ly > 12 && ly < size.height - 2 &&
        !boxes.some(([bx, by, bw]) => lx < bx + bw && bx < lx + w && Math.abs(ly - by) < 13) &&
        !circles.some(({ spot, all }) => {
          const [ox, oy, or] = [x(spot.longitude), y(spot.latitude), radius(all)];
          return spot !== c.spot && or > 0 && lx < ox + or && ox - or < lx + w && ly - 10 < oy + or && oy - or < ly;
        }),
    );
    if (free) boxes.push([free[0], free[1], w, 13]);
    return free ? { name: c.spot.name, text, at: free } : null;
  });
  const asCard = (spot: Spot): Card => ({
    name: `Power at ${spot.name}`,
    value: `${tick(now.find((n) => n.spot === spot)?.mw[0] ?? 0)} ${places?.unit} produce`,
    detail: `${shown}, central future`,
    variable: 'power_state_mw',
    at: { state: 'producing', site: spot.sites[0], edge: places!.edges[edge] },
    number: null,
    range: '',
    span: null,
    evidence: '',
    decided: [],
  });

  return (
    <section className={`panel chart map ${stale ? 'stale' : ''}`} aria-label="Sites on a map" data-chart="map">
      <div className="bar">
        <h2>{heading}</h2>
        <span className="tools">
          {places && Object.keys(places.views).length > 1 && (
            <label className="pick">
              show
              <select value={view in places.views ? view : 'all places'} onChange={(e) => setView(e.target.value)}>
                {Object.keys(places.views).map((v) => (
                  <option key={v} value={v}>
                    {v.replaceAll('_', ' ')}
                  </option>
                ))}
              </select>
            </label>
          )}
          {places && (
            <label className="pick month">
              {shown}
              <input
                type="range"
                aria-label="Month of the map"
                aria-valuetext={shown}
                min={0}
                max={places.edges.length - 1}
                value={edge}
                onChange={(e) => setMonth(places.edges[Number(e.target.value)].slice(0, 7))}
              />
            </label>
          )}
          <button className="quiet" aria-pressed={table} onClick={() => setTable(!table)}>
            Table
          </button>
        </span>
      </div>
      {wrong && <p className="problem">{wrong}</p>}
      {table && places ? (
        <div className="scroll" tabIndex={0} role="region" aria-label="Sites on a map, table">
          <table>
            <caption>
              {places.unit} in {shown}. {places.caption}
            </caption>
            <thead>
              <tr>
                <th scope="col">site</th>
                <th scope="col">position</th>
                {places.states.map((s) => (
                  <th key={s.name} scope="col">
                    {s.name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {now.map(({ spot, mw }) => (
                <tr key={spot.name}>
                  <th scope="row">
                    {spot.sites.length === 1 ? (
                      <button className="link" onClick={() => open(places.id, asCard(spot))}>
                        {spot.name}
                      </button>
                    ) : (
                      <span title={spot.sites.join(', ')}>{spot.name}</span>
                    )}
                  </th>
                  <td title={spot.source}>
                    {spot.latitude.toFixed(1)}, {spot.longitude.toFixed(1)}
                    {spot.exact ? '' : ` (${spot.region})`}
                  </td>
                  {mw.map((v, i) => (
                    <td key={i}>{tick(v)}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <>
          <div className="legend" aria-hidden="true">
            {places?.states.map((s) => (
              <span key={s.name}>
                <i style={{ background: colour(s.color) }} />
                {s.name}
              </span>
            ))}
            {places?.spots.some((s) => !s.exact) && (
              <span>
                <i className="vague" />
                its region alone is known
              </span>
            )}
            <span className="dim">{places?.unit}, central future</span>
          </div>
          <div className="drawing" ref={box}>
            <svg
              width={size.width}
              height={size.height}
              role="img"
              aria-label={`Sites on a map in ${shown}. ${places?.caption ?? ''} The button Table has the numbers.`}
            >
              {scale > 0 && (
                <path className="land" d={path} transform={`translate(${x(0)} ${y(0)}) scale(${(SHRUNK * scale) / 10} ${scale / 10})`} />
              )}
              {circles.map(({ spot, mw, all }) => (
                <g key={spot.name} transform={`translate(${x(spot.longitude)} ${y(spot.latitude)})`}>
                  <title>{`${spot.name}, ${shown}: ${mw.map((v, i) => `${places!.states[i].name} ${tick(v)}`).join(', ')} ${places!.unit}. ${spot.exact ? '' : `Only its region is known: ${spot.sites.join(', ')}.`}`}</title>
                  {mw
                    .map((v, i) => ({ r: radius(mw.slice(0, i + 1).reduce((a, b) => a + b, 0)), fill: colour(places!.states[i].color), v }))
                    .filter((d) => d.v > 0)
                    .reverse()
                    .map((d, i) => (
                      <circle key={i} r={d.r} fill={d.fill} />
                    ))}
                  {all > 0 && <circle className={spot.exact ? 'rim' : 'rim vague'} r={radius(all)} />}
                </g>
              ))}
              {labels.map(
                (l) =>
                  l && (
                    <text key={l.name} x={l.at[0]} y={l.at[1]}>
                      {l.text}
                    </text>
                  ),
              )}
            </svg>
          </div>
        </>
      )}
    </section>
  );
}
