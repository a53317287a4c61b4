import { useCallback, useEffect, useReducer } from 'react';
import type { Input, Plan, State } from './types';

const FIRST: State = {
  plan: { name: 'announced-2025-09', changes: [] },
  other: null,
  colour: 'state',
  frame: 'plan',
  site: '',
  kept: null,
  engineer: {
    serving: {
      models: ['gpt_oss_120b'],
      systems: ['gb300_nvl72'],
      input_tokens: 1024,
      output_tokens: 1024,
      ttft_s: 2,
      tpot_s: 0.05,
      engine: 'trtllm',
      precision: '',
    },
    training: {
      model: 'llama_3_1_405b',
      system: 'gb300_nvl72',
      gpus: 4608,
      tokens: '15.6T',
      sequence_tokens: 8192,
      precision: 'bf16',
    },
  },
};

/** An object's fields where they are of the kind that another has; of what a link says nothing else is read. */
function like<T extends object>(first: T, found: unknown): T {
  const given = (typeof found === 'object' && found !== null ? found : {}) as Record<string, unknown>;
  const fields = Object.entries(first).map(([k, v]) => {
    const same = typeof given[k] === typeof v && Array.isArray(given[k]) === Array.isArray(v);
    const words = !Array.isArray(v) || (same && (given[k] as unknown[]).every((w) => typeof w === 'string'));
    return [k, same && words ? given[k] : v];
  });
  return Object.fromEntries(fields) as T;
}
const MERGED_MS = 1200;

export function packed(state: State): string {
  const { engineer, site, frame, kept: open, ...always } = state;
  const same = JSON.stringify(engineer) === JSON.stringify(FIRST.engineer);
  const kept = { ...always, ...(frame !== 'plan' && { frame }), ...(site && { site }), ...(open && { kept: open }), ...(!same && { engineer }) };
  const bytes = new TextEncoder().encode(JSON.stringify(kept));
  let text = '';
  for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

export function unpacked(hash: string): State | null {
  try {
    const given = new URLSearchParams(hash.replace(/^#/, '')).get('s');
    if (!given) return null;
    const text = atob(given.replaceAll('-', '+').replaceAll('_', '/'));
    const found = JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (c) => c.charCodeAt(0))));
    const plan = (p: Plan): Plan => ({
      ...(typeof p.text === 'string' ? { text: p.text } : { name: String(p.name) }),
      changes: Array.isArray(p.changes) ? p.changes.map(String) : [],
    });
    const colour = ['state', 'place', 'generation'].includes(found.colour) ? found.colour : 'state';
    return {
      plan: plan(found.plan),
      other: found.other ? plan(found.other) : null,
      colour,
      frame: ['plan', 'engineer', 'lender', 'site'].includes(found.frame) ? found.frame : 'plan',
      site: typeof found.site === 'string' ? found.site : '',
      kept: found.kept ? like({ id: '', title: '', version: 1 }, found.kept) : null,
      engineer: {
        serving: like(FIRST.engineer.serving, found.engineer?.serving),
        training: like(FIRST.engineer.training, found.engineer?.training),
      },
    };
  } catch {
    return null;
  }
}

interface History {
  past: State[];
  present: State;
  future: State[];
  last: { what: string; at: number };
}

type Step =
  | { kind: 'set'; state: State; what: string; at: number }
  | { kind: 'undo' }
  | { kind: 'redo' }
  | { kind: 'replace'; state: State };

/** What is dragged is one step back, however many values it went through. */
function stepped(h: History, step: Step): History {
  if (step.kind === 'replace') return { ...h, past: [...h.past, h.present], present: step.state, future: [] };
  if (step.kind === 'undo') {
    const before = h.past.at(-1);
    if (!before) return h;
    return { past: h.past.slice(0, -1), present: before, future: [h.present, ...h.future], last: { what: '', at: 0 } };
  }
  if (step.kind === 'redo') {
    const [after, ...rest] = h.future;
    if (!after) return h;
    return { past: [...h.past, h.present], present: after, future: rest, last: { what: '', at: 0 } };
  }
  const held = step.what.startsWith('drag:');
  const merges = step.what !== '' && step.what === h.last.what && (held || step.at - h.last.at < MERGED_MS);
  return {
    past: merges ? h.past : [...h.past, h.present].slice(-200),
    present: step.state,
    future: [],
    last: { what: step.what, at: step.at },
  };
}

export function usePlanner() {
  const [history, dispatch] = useReducer(stepped, undefined, () => ({
    past: [],
    present: unpacked(location.hash) ?? FIRST,
    future: [],
    last: { what: '', at: 0 },
  }));
  const state = history.present;
  const set = useCallback((next: State, what = '') => dispatch({ kind: 'set', state: next, what, at: Date.now() }), []);
  const undo = useCallback(() => dispatch({ kind: 'undo' }), []);
  const redo = useCallback(() => dispatch({ kind: 'redo' }), []);

  useEffect(() => {
    const link = `#s=${packed(state)}`;
    const timer = setTimeout(() => {
      if (location.hash !== link) window.history.replaceState(null, '', link);
    }, 250);
    return () => clearTimeout(timer);
  }, [state]);

  useEffect(() => {
    const pasted = () => {
      const found = unpacked(location.hash);
      if (found) dispatch({ kind: 'replace', state: found });
    };
    addEventListener('hashchange', pasted);
    return () => removeEventListener('hashchange', pasted);
  }, []);

  return { state, set, undo, redo, canUndo: history.past.length > 0, canRedo: history.future.length > 0 };
}

export const pathOf = (change: string) => change.slice(0, change.indexOf('='));

/** The plan with one line changed; an empty value takes the change back. */
export function changed(plan: Plan, path: string, value: string | null): Plan {
  const others = plan.changes.filter((c) => pathOf(c) !== path);
  return { ...plan, changes: value === null ? others : [...others, `${path}=${value}`] };
}

const SHIFT = /^\s*([+-]\d+) months?\s*$/;

/** By how many months a date is moved by a change of its own. */
export function moved(plan: Plan, path: string): number {
  const found = plan.changes.filter((c) => pathOf(c) === path).map((c) => SHIFT.exec(c.slice(path.length + 1)));
  return Number(found.findLast((m) => m)?.[1] ?? 0);
}

/** The plan with a date moved by months, whatever else was written of it. */
export function shifted(plan: Plan, path: string, months: number): Plan {
  const others = plan.changes.filter((c) => pathOf(c) !== path || !SHIFT.test(c.slice(path.length + 1)));
  const written = `${path}=${months > 0 ? '+' : ''}${months} ${Math.abs(months) === 1 ? 'month' : 'months'}`;
  return { ...plan, changes: months ? [...others, written] : others };
}

export function written(input: Input, value: number): string {
  const number = Number(value.toPrecision(6));
  return `${input.shift && number >= 0 ? '+' : ''}${number}${input.write ? ` ${input.write}` : ''}`;
}

/** The number that a line has now: of the change, else the plan's own. */
export function valueOf(input: Input, plan: Plan): number {
  const change = plan.changes.find((c) => pathOf(c) === input.path);
  if (!change) return input.value;
  const number = /[-+]?\d[\d,]*\.?\d*(e[-+]?\d+)?/i.exec(change.slice(change.indexOf('=') + 1));
  return number ? Number(number[0].replaceAll(',', '')) : input.value;
}

const UNITS = /_(usd|months|years|hours|mw|kw|gw|s|ms|bytes|h)(?=_|$)/g;

/** A path as words: its last name, and whose it is. */
export function titleOf(path: string): { name: string; of: string } {
  const parts = path.match(/"[^"]*"|[^.]+/g) ?? [path];
  const last = parts.at(-1)!.replaceAll('"', '');
  const name = last.replace(UNITS, '').replaceAll('_', ' ');
  if (/^\d{4}-/.test(last)) return { name: `${parts.slice(0, -1).join(' ')} from ${last.slice(0, 7)}`, of: '' };
  const of = parts.at(-2)?.replaceAll('"', '').replaceAll('_', ' ') ?? '';
  return { name, of: of === '*' || of === 'ladder' ? '' : of };
}
