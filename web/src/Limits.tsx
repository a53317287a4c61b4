import { useEffect, useRef, useState } from 'react';
import { PLOT_LEFT, PLOT_RIGHT, type Scale } from './Chart';
import type { ServingAsked } from './types';

const TOP = 40;
const BOTTOM = 38;
/** One press of an arrow key, and of a page key, multiplies a limit by so much. */
const STEP = 1.05;
const LEAP = 1.5;
const digits = (v: number) => Number(v.toPrecision(3));

/** A longest wait, in the unit of its field; the axis on which it stands, and its value there. */
interface Limit {
  key: 'ttft_s' | 'tpot_s';
  axis: 'x' | 'y';
  name: string;
  unit: string;
  low: number;
  high: number;
  size: number;
  onAxis: (seconds: number) => number;
  fromAxis: (value: number) => number;
}

const TTFT: Limit = {
  key: 'ttft_s', axis: 'y', name: 'first token within', unit: 's', low: 0.05, high: 60, size: 1,
  onAxis: (s) => 1000 * s, fromAxis: (ms) => ms / 1000,
};
/** A user who waits no longer than this for each token sees at least so many in a second. */
const TPOT: Limit = {
  key: 'tpot_s', axis: 'x', name: 'each further one within', unit: 'ms', low: 0.001, high: 0.5, size: 1000,
  onAxis: (s) => 1 / s, fromAxis: (rate) => 1 / rate,
};

interface Props {
  /** Which chart: the wait for the first token stands on the axis of one alone. */
  of: 'frontier' | 'wait';
  asked: ServingAsked;
  set: (more: Partial<ServingAsked>, what: string) => void;
  width: number;
  at: Scale;
  hush: () => void;
}

/** The longest waits as lines over a chart: dragged, or moved by arrow keys; the fields beside it follow. */
export function Limits({ of, asked, set, width, at, hush }: Props) {
  const [held, setHeld] = useState('');
  const drags = useRef(0);
  const box = useRef<HTMLDivElement>(null);
  const [height, setHeight] = useState(0);
  useEffect(() => setHeight(box.current?.clientHeight ?? 0));
  const ends = { x: [PLOT_LEFT, width - PLOT_RIGHT], y: [TOP, height - BOTTOM] };
  return (
    <div className="limits" ref={box} role="group" aria-label="Longest waits: drag one, or move it by arrow keys">
      {(of === 'wait' ? [TTFT, TPOT] : [TPOT]).map((l) => {
        const seconds = asked[l.key];
        const words = `${digits(seconds * l.size)} ${l.unit}`;
        const give = (to: number, what: string) => {
          const next = digits(Math.min(Math.max(to, l.low), l.high));
          if (Number.isFinite(next) && next !== seconds) set({ [l.key]: next }, what);
        };
        const exact = at.pixel(l.axis, l.onAxis(seconds));
        const place = Math.min(Math.max(exact, ends[l.axis][0]), ends[l.axis][1]);
        if (!Number.isFinite(place)) return null;
        return (
          <button
            key={l.key}
            role="slider"
            className={`limit ${l.axis}`}
            style={l.axis === 'x' ? { left: place, top: TOP, bottom: BOTTOM } : { top: place, left: PLOT_LEFT, right: PLOT_RIGHT }}
            data-held={held === l.key}
            aria-label={`Limit: ${l.name}`}
            aria-orientation={l.axis === 'x' ? 'horizontal' : 'vertical'}
            aria-valuemin={l.low * l.size}
            aria-valuemax={l.high * l.size}
            aria-valuenow={digits(seconds * l.size)}
            aria-valuetext={words}
            onPointerEnter={hush}
            onPointerDown={(e) => {
              e.currentTarget.setPointerCapture(e.pointerId);
              drags.current += 1;
              setHeld(l.key);
            }}
            onPointerMove={(e) => {
              if (held !== l.key || !box.current) return;
              const b = box.current.getBoundingClientRect();
              const p = l.axis === 'x' ? Math.max(e.clientX - b.left, PLOT_LEFT + 1) : e.clientY - b.top;
              give(l.fromAxis(at.value(l.axis, p)), `drag:limit:${l.key}:${drags.current}`);
            }}
            onPointerUp={() => setHeld('')}
            onPointerCancel={() => setHeld('')}
            onKeyDown={(e) => {
              // Along the axis: to the right a user sees more tokens in a second, so the wait is shorter.
              const onward = l.axis === 'x' ? -1 : 1;
              const by = { ArrowRight: onward, ArrowUp: 1, ArrowLeft: -onward, ArrowDown: -1 }[e.key];
              const leap = { PageUp: 1, PageDown: -1 }[e.key];
              if (by !== undefined) give(seconds * STEP ** by, l.key);
              else if (leap !== undefined) give(seconds * LEAP ** leap, l.key);
              else return;
              e.preventDefault();
            }}
          >
            <span>
              {l.name} <b>{words}</b>
            </span>
          </button>
        );
      })}
    </div>
  );
}
