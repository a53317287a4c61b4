import { useEffect, useRef, useState } from 'react';
import * as api from './api';
import type { Answer, Compared, Plan, Problem, State } from './types';

const RANGES_MS = 350;
const CAUSES_MS = 200;
const CHARTS_MS = 250;
export const MEMBERS = 100;

export interface Live {
  answer: Answer | null;
  /** Whether the figures are of a plan that has changed since. */
  stale: boolean;
  /** Whether the charts are, which follow the figures. */
  drawing: boolean;
  /** How far the ranges are, 0 to 1; null where nothing is being computed. */
  progress: number | null;
  problems: Problem[];
  refused: string;
  compared: Compared | null;
  /** Whether the causes of the difference are being looked for. */
  comparing: boolean;
}

/** What is compared: plan B, else the plan as it was before it was changed. */
export function otherOf(state: State): Plan | null {
  if (state.other) return state.other;
  return state.plan.changes.length ? { ...state.plan, changes: [] } : null;
}

/** Answers a state: the central future at once, then the ranges and claims, then the causes; newer states go first. */
export function useAnswer(state: State): Live {
  const [live, setLive] = useState<Live>({
    answer: null,
    stale: true,
    drawing: true,
    progress: null,
    problems: [],
    refused: '',
    compared: null,
    comparing: false,
  });
  const wanted = useRef(state);
  const running = useRef(false);
  const later = useRef<AbortController | null>(null);
  const drawn = useRef(0);

  const quiet = state.frame === 'engineer'; // needs no ranges of the plan
  useEffect(() => {
    wanted.current = state;
    later.current?.abort();
    setLive((l) => ({ ...l, stale: true, drawing: true, progress: null, comparing: false }));

    /**
     * One question at a time; what changed meanwhile is asked next, so that a drag never queues. Figures come first;
     * charts follow, and while the plan goes on changing they do so four times a second, where the server isn't busy.
     */
    async function central(): Promise<void> {
      if (running.current) return;
      running.current = true;
      let of = wanted.current;
      try {
        for (;;) {
          of = wanted.current;
          try {
            const signal = new AbortController().signal;
            const show = (found: Answer, drawing: boolean) =>
              setLive((l) => ({
                ...l,
                answer: {
                  ...found,
                  charts: drawing ? (l.answer?.charts ?? {}) : found.charts,
                  claims: found.claims ?? l.answer?.claims ?? null,
                },
                stale: of !== wanted.current,
                drawing: drawing || of !== wanted.current,
                problems: [],
                refused: '',
              }));
            const asked = performance.now();
            show(await api.answer(of, 1, false, signal, undefined, false), true);
            const busy = performance.now() - asked > CHARTS_MS; // then the next figures are worth more than charts
            await new Promise((done) => setTimeout(done)); // the figures are on the screen before charts are drawn
            if (of !== wanted.current && (busy || performance.now() - drawn.current < CHARTS_MS)) continue;
            show(await api.answer(of, 1, false, signal), false);
            drawn.current = performance.now();
          } catch (error) {
            failed(error);
            if (of === wanted.current) return;
          }
          if (of === wanted.current) break;
        }
      } finally {
        running.current = false;
      }
      void ranges(of);
    }

    async function ranges(of: State): Promise<void> {
      const control = new AbortController();
      later.current = control;
      if (quiet) return;
      await new Promise((done) => setTimeout(done, RANGES_MS));
      if (control.signal.aborted || of !== wanted.current) return;
      setLive((l) => ({ ...l, progress: 0 }));
      try {
        const found = await api.answer(of, MEMBERS, true, control.signal, (progress) =>
          setLive((l) => ({ ...l, progress })),
        );
        if (control.signal.aborted) return;
        setLive((l) => ({ ...l, answer: found, stale: false, drawing: false, progress: null }));
        await new Promise((done) => setTimeout(done, CAUSES_MS));
        const other = otherOf(of);
        if (other && !control.signal.aborted) setLive((l) => ({ ...l, comparing: true }));
        const compared = other && !control.signal.aborted ? await api.compare(other, of.plan, control.signal) : null;
        if (!control.signal.aborted) setLive((l) => ({ ...l, compared, comparing: false }));
      } catch (error) {
        if (!control.signal.aborted) failed(error);
      }
    }

    function failed(error: unknown): void {
      if (error instanceof api.Wrong) setLive((l) => ({ ...l, problems: error.problems, progress: null }));
      else if (error instanceof DOMException && error.name === 'AbortError') return;
      else setLive((l) => ({ ...l, refused: String((error as Error).message), progress: null }));
    }

    void central();
    // Where a site's or an engineer's view changes, the plan's answer stays.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [state.plan, state.other, state.colour, quiet]);

  return live;
}
