import { useId, useState } from 'react';
import { changed, pathOf, titleOf, valueOf, written } from './state';
import type { Input, Line, Plan, Problem } from './types';

const STEPS = 100;

function Slider({ input, plan, set }: { input: Input; plan: Plan; set: (plan: Plan, what: string) => void }) {
  const id = useId();
  const value = valueOf(input, plan);
  const log = input.low > 0 && input.high / input.low > 30;
  const to = (v: number) => (log ? Math.log(v) : v);
  const from = (v: number) => (log ? Math.exp(v) : v);
  const [low, high] = [Math.min(to(input.low), to(value)), Math.max(to(input.high), to(value))];
  const changedHere = plan.changes.some((c) => pathOf(c) === input.path);
  const words = input.title ? { name: input.title, of: '' } : titleOf(input.path);
  const give = (v: number) => {
    const rounded = input.whole ? Math.round(v) : v;
    set(changed(plan, input.path, written(input, rounded)), input.path);
  };
  return (
    <div className={`slider ${changedHere ? 'changed' : ''}`} data-path={input.path}>
      <label htmlFor={id} title={`${input.path}\n${input.note}\n${input.evidence}: ${input.source}`}>
        {words.name} {words.of && <small>{words.of}</small>}
      </label>
      <span className="number">
        <input
          type="number"
          aria-label={`${words.name} ${words.of}${input.unit ? ` in ${input.unit}` : ''}`}
          value={Number(value.toPrecision(4))}
          step="any"
          onChange={(e) => e.target.value !== '' && give(Number(e.target.value))}
        />
        <span className="unit">{input.unit}</span>
        <button
          className="quiet"
          aria-label={`Set ${words.name} ${words.of} back`}
          disabled={!changedHere}
          onClick={() => set(changed(plan, input.path, null), '')}
        >
          ↺
        </button>
      </span>
      <input
        id={id}
        type="range"
        min={low}
        max={high}
        step={input.whole && !log ? 1 : (high - low) / STEPS}
        value={to(value)}
        aria-valuetext={`${Number(value.toPrecision(4))} ${input.unit}`}
        onChange={(e) => give(from(Number(e.target.value)))}
      />
    </div>
  );
}

function AnyLine({ lines, plan, set }: { lines: Line[]; plan: Plan; set: (plan: Plan, what: string) => void }) {
  const [path, setPath] = useState('');
  const [value, setValue] = useState('');
  const list = useId();
  const known = lines.find((l) => l.path === path);
  return (
    <form
      className="any"
      onSubmit={(e) => {
        e.preventDefault();
        if (!path.trim() || !value.trim()) return;
        set(changed(plan, path.trim(), value.trim()), '');
        setPath('');
        setValue('');
      }}
    >
      <label htmlFor={`${list}-path`}>+ any line of the plan</label>
      <input
        id={`${list}-path`}
        list={list}
        value={path}
        placeholder="path, such as training.mfu_share"
        autoComplete="off"
        spellCheck={false}
        onChange={(e) => setPath(e.target.value)}
      />
      <datalist id={list}>
        {lines.map((l) => (
          <option key={l.path} value={l.path}>
            {`${l.value} ${l.unit}`.trim()}
          </option>
        ))}
      </datalist>
      <span className="row">
        <input
          aria-label="its value"
          value={value}
          placeholder={known ? `now ${known.value} ${known.unit}`.trim() : 'value with its unit'}
          onChange={(e) => setValue(e.target.value)}
        />
        <button type="submit">Set</button>
      </span>
    </form>
  );
}

interface Props {
  inputs: Input[];
  lines: Line[];
  plan: Plan;
  problems: Problem[];
  set: (plan: Plan, what: string) => void;
}

export function Sliders({ inputs, lines, plan, problems, set }: Props) {
  return (
    <section className="panel sliders" aria-label="What if">
      <h2>What if</h2>
      <div className="list" tabIndex={0} role="group" aria-label="Assumptions that matter most">
        {inputs.map((i) => (
          <Slider key={i.path} input={i} plan={plan} set={set} />
        ))}
        {plan.changes.length > 0 && (
          <ul className="changes" aria-label={`${plan.changes.length} changed`}>
            {plan.changes.map((c) => {
              const wrong = problems.filter((p) => p.file === `--set ${c}` || p.path === pathOf(c));
              return (
                <li key={c} className={wrong.length ? 'wrong' : ''}>
                  <code>{c}</code>
                  <button
                    className="quiet"
                    aria-label={`Take back ${c}`}
                    onClick={() => set(changed(plan, pathOf(c), null), '')}
                  >
                    ×
                  </button>
                  {wrong.map((p, i) => (
                    <ProblemText key={i} problem={p} />
                  ))}
                </li>
              );
            })}
          </ul>
        )}
      </div>
      <AnyLine lines={lines} plan={plan} set={set} />
    </section>
  );
}

export function ProblemText({ problem }: { problem: Problem }) {
  return (
    <span className="problem">
      {problem.message}
      {problem.value && (
        <>
          ; found <code>{problem.value}</code>
        </>
      )}
      {problem.allowed && <>; allowed: {problem.allowed}</>}
      {problem.nearest && <>; nearest: {problem.nearest}</>}
      {problem.remedy && <>; {problem.remedy}</>}
    </span>
  );
}
