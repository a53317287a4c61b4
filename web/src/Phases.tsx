import { useRef, useState } from 'react';
import { PLOT_LEFT, PLOT_RIGHT } from './Chart';
import { moved, shifted } from './state';
import type { Phase, Plan } from './types';

const HANDLE = 24;
const LONGEST = 600;

interface Props {
  phases: Phase[];
  plan: Plan;
  /** Months of the horizon: what the width of the plot stands for. */
  months: number;
  width: number;
  set: (plan: Plan, what: string) => void;
  /** Takes away the tooltip, which would cover the handles. */
  hush: () => void;
}

/** The row of each handle: none covers another. */
function lanes(places: number[]): number[] {
  const ends: number[] = [];
  return places.map((x) => {
    const free = ends.findIndex((end) => x - end >= HANDLE);
    const lane = free < 0 ? ends.length : free;
    ends[lane] = x;
    return lane;
  });
}

const signed = (months: number) =>
  months ? `, moved by ${months > 0 ? '+' : '−'}${Math.abs(months)} ${Math.abs(months) === 1 ? 'month' : 'months'}` : '';

/** One handle for each phase on the chart: it is dragged, or moved by arrow keys, from month to month. */
export function Phases({ phases, plan, months, width, set, hush }: Props) {
  const [held, setHeld] = useState<{ path: string; x: number; from: number; n: number } | null>(null);
  const [shown, setShown] = useState('');
  const drags = useRef(0);
  const plot = Math.max(width - PLOT_LEFT - PLOT_RIGHT, 1);
  const month = plot / months;
  // What was moved since the server answered is drawn at once; the date itself comes with the answer.
  const ahead = (p: Phase) => moved(plan, p.path) - p.moved;
  const places = phases.map((p) => p.at * plot + ahead(p) * month);
  const order = phases.map((_, i) => i).sort((a, b) => places[a] - places[b]);
  const sorted = lanes(order.map((i) => places[i]));
  const lane = new Map(order.map((i, k) => [i, sorted[k]]));
  const words = (p: Phase) =>
    `power on ${ahead(p) ? '…' : p.day}${signed(moved(plan, p.path))}`;
  const within = (p: Phase, to: number) => {
    const base = p.at * months - p.moved;
    return Math.min(Math.max(Math.round(to), Math.ceil(-base), -LONGEST), Math.floor(months - 1 - base), LONGEST);
  };
  const give = (p: Phase, to: number, what: string) => {
    const next = within(p, to);
    if (next !== moved(plan, p.path)) set(shifted(plan, p.path, next), what);
  };
  const told = phases.find((p) => p.path === (held?.path ?? shown));
  return (
    <div className="phases" role="group" aria-label="Phases of the sites: drag one, or move it by arrow keys">
      {phases.map((p, i) => (
        <button
          key={p.path}
          role="slider"
          className="phase"
          data-moved={moved(plan, p.path) !== 0}
          style={{ left: PLOT_LEFT + places[i], bottom: 22 + HANDLE * lane.get(i)! }}
          aria-label={`${p.site}, ${p.phase}, ${p.power}`}
          aria-valuemin={within(p, -LONGEST)}
          aria-valuemax={within(p, LONGEST)}
          aria-valuenow={moved(plan, p.path)}
          aria-valuetext={words(p)}
          onPointerEnter={() => {
            hush();
            setShown(p.path);
          }}
          onPointerLeave={() => setShown('')}
          onFocus={() => setShown(p.path)}
          onBlur={() => setShown('')}
          onPointerDown={(e) => {
            e.currentTarget.setPointerCapture(e.pointerId);
            drags.current += 1;
            setHeld({ path: p.path, x: e.clientX, from: moved(plan, p.path), n: drags.current });
          }}
          onPointerMove={(e) => {
            if (held?.path === p.path) give(p, held.from + (e.clientX - held.x) / month, `drag:${held.n}:${p.path}`);
          }}
          onPointerUp={() => setHeld(null)}
          onPointerCancel={() => setHeld(null)}
          onKeyDown={(e) => {
            const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 12, PageDown: -12 }[e.key];
            if (by !== undefined) give(p, moved(plan, p.path) + by, p.path);
            else if (e.key === 'Home') give(p, 0, '');
            else return;
            e.preventDefault();
          }}
        />
      ))}
      <p className="told" aria-hidden="true">
        {told ? (
          <>
            <b>
              {told.site}, {told.phase}
            </b>{' '}
            {told.power}: {words(told)}
          </>
        ) : (
          'Drag a phase in time, or focus it and press arrow keys; Home takes it back.'
        )}
      </p>
    </div>
  );
}
