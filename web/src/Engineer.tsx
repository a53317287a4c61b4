import { useEffect, useId, useState } from 'react';
import * as api from './api';
import { Chart, type Scale } from './Chart';
import { Limits } from './Limits';
import { ProblemText } from './Sliders';
import type { ChartData, Named, Problem, Serving, ServingAsked, Training, TrainingAsked, Workable } from './types';

const PAUSE_MS = 300;
const STEPS = 200;

/** Asks a question again whenever it changes; the last answer stays, greyed, until the next one comes. */
function useAsked<Q, A>(question: Q | null, ask: (question: Q, signal: AbortSignal) => Promise<A>) {
  const [found, set] = useState<{ of: string; answer: A | null; problems: Problem[] }>({ of: '', answer: null, problems: [] });
  const key = JSON.stringify(question);
  useEffect(() => {
    if (!question) return;
    const control = new AbortController();
    const timer = setTimeout(() => {
      ask(question, control.signal)
        .then((answer) => set({ of: key, answer, problems: [] }))
        .catch((e: unknown) => {
          if (control.signal.aborted || (e as Error).name === 'AbortError') return;
          const text = String((e as Error).message);
          const problems = e instanceof api.Wrong ? e.problems : [{ message: text, text } as Problem];
          set((before) => ({ of: key, answer: before.answer, problems }));
        });
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      control.abort();
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [key]);
  return { ...found, stale: found.of !== key || found.problems.length > 0 };
}

interface Choice {
  label: string;
  value: string;
  of: Named[];
  empty?: string;
  set: (value: string) => void;
}

function Pick({ label, value, of, empty, set }: Choice) {
  return (
    <label>
      {label}
      <select value={value} onChange={(e) => set(e.target.value)}>
        {empty !== undefined && <option value="">{empty}</option>}
        {of.map((o) => (
          <option key={o.name} value={o.name}>
            {o.title}
          </option>
        ))}
      </select>
    </label>
  );
}

interface Count {
  label: string;
  value: number;
  set: (value: number) => void;
}

function Whole({ label, value, set }: Count) {
  return (
    <label>
      {label}
      <input
        type="number"
        min={1}
        value={value}
        onChange={(e) => Number(e.target.value) >= 1 && set(Math.round(Number(e.target.value)))}
      />
    </label>
  );
}

interface Limited extends Count {
  unit: string;
  low: number;
  high: number;
}

/** A limit that is dragged on a logarithmic scale, or written. */
function Limit({ label, unit, value, low, high, set }: Limited) {
  const id = useId();
  const digits = (v: number) => Number(v.toPrecision(2));
  return (
    <div className="slider">
      <label htmlFor={id}>{label}</label>
      <span className="number">
        <input
          type="number"
          aria-label={`${label} in ${unit}`}
          value={value}
          step="any"
          onChange={(e) => Number(e.target.value) > 0 && set(Number(e.target.value))}
        />
        <span className="unit">{unit}</span>
      </span>
      <input
        id={id}
        type="range"
        min={0}
        max={STEPS}
        value={Math.round((STEPS * Math.log(value / low)) / Math.log(high / low))}
        aria-valuetext={`${value} ${unit}`}
        onChange={(e) => set(digits(low * (high / low) ** (Number(e.target.value) / STEPS)))}
      />
    </div>
  );
}

function Problems({ problems }: { problems: Problem[] }) {
  if (!problems.length) return null;
  return (
    <div role="alert">
      {problems.map((p, i) => (
        <p key={i}>
          <ProblemText problem={p} />
        </p>
      ))}
    </div>
  );
}

interface DrawnProps {
  charts: ChartData[];
  stale: boolean;
  dark: boolean;
  over?: (id: string) => undefined | ((width: number, hush: () => void, at: Scale) => React.ReactNode);
}

function Drawn({ charts, stale, dark, over }: DrawnProps) {
  return (
    <div className="charts">
      {charts.map((c) => (
        <Chart key={c.id} place={c.id} chart={c} stale={stale} dark={dark} over={over?.(c.id)} />
      ))}
    </div>
  );
}

interface Props {
  asked: { serving: ServingAsked; training: TrainingAsked };
  set: (asked: Props['asked'], what: string) => void;
  dark: boolean;
}

/** What a performance engineer looks at: how fast and how cheaply a model is served, and how it trains. */
export function Engineer({ asked, set, dark }: Props) {
  const [known, setKnown] = useState<Workable | null>(null);
  useEffect(() => {
    api.workable().then(setKnown, () => undefined);
  }, []);
  const { serving, training } = asked;
  const serve = (more: Partial<ServingAsked>, what = '') => set({ ...asked, serving: { ...serving, ...more } }, what);
  const train = (more: Partial<TrainingAsked>, what = '') => set({ ...asked, training: { ...training, ...more } }, what);
  const curves = useAsked<ServingAsked, Serving>(serving, api.serving);
  const run = useAsked<TrainingAsked, Training>(training, api.training);
  const named = (names: string[]) => names.map((n) => ({ name: n, title: n.toUpperCase() }));
  const two = (of: string[], k: number, v: string) => (k === 0 ? [v, ...of.slice(1)] : [of[0], v]).filter(Boolean);
  const limits = (id: string) =>
    id === 'frontier' || id === 'wait'
      ? (width: number, hush: () => void, at: Scale) => width > 0 && <Limits of={id} asked={serving} set={serve} width={width} at={at} hush={hush} />
      : undefined;
  const models = known?.models ?? [];
  const systems = known?.systems ?? [];
  return (
    <div className="frame engineer" data-frame="engineer" data-ready={curves.answer !== null && !curves.stale && run.answer !== null && !run.stale}>
      <form className="panel pickers" aria-label="Serving" onSubmit={(e) => e.preventDefault()}>
        <h2>Serving</h2>
        <Pick label="Model" value={serving.models[0]} of={models} set={(v) => serve({ models: two(serving.models, 0, v) })} />
        <Pick label="Second model" empty="none" value={serving.models[1] ?? ''} of={models} set={(v) => serve({ models: two(serving.models, 1, v) })} />
        <Pick label="System" value={serving.systems[0]} of={systems} set={(v) => serve({ systems: two(serving.systems, 0, v) })} />
        <Pick label="Second system" empty="none" value={serving.systems[1] ?? ''} of={systems} set={(v) => serve({ systems: two(serving.systems, 1, v) })} />
        <Pick label="Engine" value={serving.engine} of={known?.engines ?? []} set={(v) => serve({ engine: v })} />
        <Pick label="Precision" empty="the narrowest" value={serving.precision} of={named(known?.serving_precisions ?? [])} set={(v) => serve({ precision: v })} />
        <Whole label="Tokens in" value={serving.input_tokens} set={(v) => serve({ input_tokens: v }, 'in')} />
        <Whole label="Tokens out" value={serving.output_tokens} set={(v) => serve({ output_tokens: v }, 'out')} />
        <Limit label="First token within" unit="s" low={0.05} high={60} value={serving.ttft_s} set={(v) => serve({ ttft_s: v }, 'ttft')} />
        <Limit
          label="Each further one within"
          unit="ms"
          low={1}
          high={500}
          value={Number((1000 * serving.tpot_s).toPrecision(3))}
          set={(v) => serve({ tpot_s: v / 1000 }, 'tpot')}
        />
      </form>
      <section aria-label="Frontiers" className={`group ${curves.stale ? 'stale' : ''}`}>
        <div className="lead">
          <p>{curves.answer?.question ?? 'Looking for the frontier …'}</p>
        </div>
        <Problems problems={curves.problems} />
        <div className="cards">
          {curves.answer?.cards.map((c) => (
            <div key={c.name} className="panel card">
              <span className="name">{c.name}</span>
              <strong className={c.value.length > 14 ? 'long' : ''}>{c.value}</strong>
              <span className="text">{c.detail}</span>
              {c.layout && <span className="text">layout: {c.layout}</span>}
              <span className="text">trust: {c.trust}</span>
            </div>
          ))}
        </div>
        <Drawn charts={curves.answer?.charts ?? []} stale={false} dark={dark} over={limits} />
        {curves.answer && <code tabIndex={0}>$ {curves.answer.command}</code>}
      </section>
      <form className="panel pickers" aria-label="Training" onSubmit={(e) => e.preventDefault()}>
        <h2>Training</h2>
        <Pick label="Model" value={training.model} of={models} set={(v) => train({ model: v })} />
        <Pick label="System" value={training.system} of={systems} set={(v) => train({ system: v })} />
        <Pick label="Precision" value={training.precision} of={named(known?.training_precisions ?? [])} set={(v) => train({ precision: v })} />
        <Whole label="GPUs" value={training.gpus} set={(v) => train({ gpus: v }, 'gpus')} />
        <Whole label="Tokens of a sequence" value={training.sequence_tokens} set={(v) => train({ sequence_tokens: v }, 'seq')} />
        <label>
          Tokens in all
          <input value={training.tokens} placeholder="20 per active parameter" onChange={(e) => train({ tokens: e.target.value }, 'tokens')} />
        </label>
      </form>
      <section aria-label="Training run" className={`group ${run.stale ? 'stale' : ''}`}>
        <div className="lead">
          <p>{run.answer?.question ?? 'Searching layouts …'}</p>
        </div>
        <Problems problems={run.problems} />
        {run.answer && (
          <dl className="panel">
            {run.answer.rows.map(([name, text], i) => (
              <div key={i}>
                <dt>{name}</dt>
                <dd>{text}</dd>
              </div>
            ))}
          </dl>
        )}
        <Drawn charts={run.answer?.charts ?? []} stale={false} dark={dark} />
        {run.answer && <code tabIndex={0}>$ {run.answer.command}</code>}
      </section>
    </div>
  );
}
