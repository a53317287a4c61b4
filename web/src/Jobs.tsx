import { useEffect, useState } from 'react';
import { text, Wrong } from './api';
import { act, begin, forget, openPage, question, saveAnswer, type Posted } from './more';
import { Side } from './Panel';
import { ProblemText } from './Sliders';
import { day } from './Stored';
import type { Job, Plan, Problem, State } from './types';
import { otherOf } from './useAnswer';

const OPEN = ['waiting', 'running'];
/** Jobs whose question is looked up: what a list shows without scrolling far. */
const LOOKED_UP = 20;
const STUDIES: Record<string, string> = {
  study_montecarlo: 'Many futures of the plan',
  study_sensitivity: 'Which assumptions decide',
  study_sweep: 'A grid of values',
  study_compare: 'The plan and plan B (or itself unchanged) over the same futures',
};
const RUNS: Record<string, string> = { train: 'A training run with its failures' };
const VALIDATIONS: Record<string, string> = {
  validate_plans: 'Use, margin and cost of the plan',
  validate_history: 'History: users, revenue, power, rents',
  validate_inference: 'Serving: times, throughput, power',
  validate_training: 'Training: step times, memory, failures',
  validate_kernels: 'Measured kernels',
  validate_costs: 'Published costs',
  validate_demand: 'Demand',
  validate_capability: 'Capability',
  validate_power: 'Power of a node',
};
const NAMES: Record<string, string> = { ...STUDIES, ...RUNS, ...VALIDATIONS };

const given = (plan: Plan) => (plan.text === undefined ? { name: plan.name } : { text: plan.text });
/** A plan with its changes written into it, where the question takes none. */
const whole = async (plan: Plan) => (plan.changes.length ? { text: await text(plan) } : given(plan));

interface Fields {
  members: string;
  method: string;
  over: string;
}

/** The question of a job about what is on the page. */
async function asked(verb: string, state: State, fields: Fields): Promise<Posted> {
  const changes = state.plan.changes;
  const of = { plan: given(state.plan), ...(changes.length && { changes }) };
  const members = fields.members ? { members: Number(fields.members) } : {};
  const { model, system, gpus, tokens, sequence_tokens, precision } = state.engineer.training;
  const other = otherOf(state) ?? state.plan;
  const requests: Record<string, () => Record<string, unknown> | Promise<Record<string, unknown>>> = {
    study_montecarlo: () => ({ ...of, ...members }),
    study_sensitivity: () => ({ ...of, method: fields.method, ...members }),
    study_sweep: () => ({ ...of, ...members, over: fields.over.split('\n').map((l) => l.trim()).filter(Boolean) }),
    study_compare: async () => ({ a: await whole(other), b: given(state.plan), ...(changes.length && { changes }), ...members }),
    validate_plans: async () => ({ plan: await whole(state.plan) }),
    train: () => ({ model, system, gpus, sequence_tokens, precision, ...(tokens && { tokens }), failures: true }),
  };
  return { verb, request: (await requests[verb]?.()) ?? {} };
}

/** What a job was asked about, in a few words. */
function words(posted: Posted): string {
  const r = posted.request as Record<string, any>; // eslint-disable-line @typescript-eslint/no-explicit-any
  const of = (p?: { name?: string; text?: string }) => p?.name || (p?.text ? (/^title:\s*(.+)$/m.exec(p.text)?.[1] ?? 'a text') : '');
  const parts = [
    r.a ? `${of(r.a)} and ${of(r.b)}` : of(r.plan),
    r.model && `${r.model} on ${(r.gpus ?? 0).toLocaleString('en')} GPUs of ${r.system}`.replaceAll('_', ' '),
    r.changes?.length && `${r.changes.length} changed`,
    r.members && `${r.members.toLocaleString('en')} futures`,
    r.method,
    r.over?.join('; '),
  ];
  return parts.filter(Boolean).join(', ');
}

interface StartProps {
  state: State;
  begun: () => void;
}

function StartJob({ state, begun }: StartProps) {
  const [verb, setVerb] = useState('study_montecarlo');
  const [fields, setFields] = useState<Fields>({ members: '1000', method: 'tornado', over: '' });
  const [wrong, setWrong] = useState<Problem[]>([]);
  const [busy, setBusy] = useState(false);
  const group = (label: string, of: Record<string, string>) => (
    <optgroup label={label}>
      {Object.entries(of)
        .filter(([k]) => k !== 'study_compare' || otherOf(state))
        .map(([k, name]) => (
          <option key={k} value={k}>
            {name}
          </option>
        ))}
    </optgroup>
  );
  const set = (more: Partial<Fields>) => setFields({ ...fields, ...more });
  const { model, system, gpus } = state.engineer.training;
  return (
    <form
      className="start"
      onSubmit={(e) => {
        e.preventDefault();
        setBusy(true);
        asked(verb, state, fields)
          .then(begin)
          .then(() => {
            setWrong([]);
            begun();
          })
          .catch((error: unknown) =>
            setWrong(error instanceof Wrong ? error.problems : [{ message: String((error as Error).message) } as Problem]),
          )
          .finally(() => setBusy(false));
      }}
    >
      <label>
        What is computed
        <select
          value={verb}
          onChange={(e) => {
            setVerb(e.target.value);
            set({ members: e.target.value === 'study_montecarlo' ? '1000' : '' });
          }}
        >
          {group('Studies of the plan on the page', STUDIES)}
          {group('Training', RUNS)}
          {group('Validation: the model next to what was measured', VALIDATIONS)}
        </select>
      </label>
      {verb === 'study_sensitivity' && (
        <label>
          Method
          <select value={fields.method} onChange={(e) => set({ method: e.target.value })}>
            <option value="tornado">each input at both ends of its range</option>
            <option value="sobol">shares of the variance (Sobol)</option>
          </select>
        </label>
      )}
      {verb === 'study_sweep' && (
        <label>
          Values of lines of the plan, one line each
          <textarea
            rows={3}
            value={fields.over}
            placeholder="training.mfu_share=30 %, 35 %, 40 %"
            spellCheck={false}
            onChange={(e) => set({ over: e.target.value })}
          />
        </label>
      )}
      {verb in STUDIES && (
        <label>
          Futures
          <input
            type="number"
            min={1}
            value={fields.members}
            placeholder="as the plan or the study says"
            onChange={(e) => set({ members: e.target.value })}
          />
        </label>
      )}
      {verb === 'train' && (
        <p className="dim">
          {model.replaceAll('_', ' ')} on {gpus.toLocaleString('en')} GPUs of {system.replaceAll('_', ' ')}, as chosen in the view Engineer.
        </p>
      )}
      {wrong.length > 0 && (
        <ul className="problems" role="alert">
          {wrong.map((p, i) => (
            <li key={i}>
              <b>{p.path}</b> <ProblemText problem={p} />
            </li>
          ))}
        </ul>
      )}
      <button type="submit" disabled={busy || (verb === 'study_sweep' && !fields.over.trim())}>
        Start
      </button>
    </form>
  );
}

interface OneProps {
  job: Job;
  posted?: Posted;
  may: boolean;
  done: () => void;
  show: (plan: Plan) => void;
}

function One({ job, posted, may, done, show }: OneProps) {
  const [said, setSaid] = useState('');
  const name = NAMES[job.verb] ?? job.verb.replaceAll('_', ' ');
  const open = OPEN.includes(job.state);
  const does = (what: Promise<unknown>) =>
    void what.then(
      () => setSaid(''),
      (e: Error) => setSaid(e.message),
    ).then(done);
  const plan = posted?.request.plan as { name?: string; text?: string } | undefined;
  const took = job.ended ? `, ${Math.max(1, Math.round(job.ended - job.created)).toLocaleString('en')} s` : '';
  return (
    <li data-job={job.id} data-state={job.state}>
      <p>
        <b>{name}</b> {posted && words(posted)}
      </p>
      <p className="dim">
        {job.state}
        {job.state === 'running' && job.total > 0 && `: ${job.done.toLocaleString('en')} of ${job.total.toLocaleString('en')} ${job.step}`} · {day(job.created)}
        {took}
      </p>
      {open && <progress aria-label={`${name}, progress`} value={job.total ? job.done : undefined} max={job.total || 1} />}
      {job.state === 'failed' && job.problems.map((p, i) => <ProblemText key={i} problem={p} />)}
      {said && <p className="problem">{said}</p>}
      <p className="row">
        {job.forms.includes('html') && <button onClick={() => does(openPage(job.id))}>Open page</button>}
        {job.forms.map((form) => (
          <button key={form} className="quiet" onClick={() => does(saveAnswer(job, form))}>
            {form.toUpperCase()}
          </button>
        ))}
        {open && may && <button onClick={() => does(act(job.id, 'cancel'))}>Cancel</button>}
        {['failed', 'cancelled'].includes(job.state) && may && <button onClick={() => does(act(job.id, 'resume'))}>Resume</button>}
        {plan && (
          <button
            className="quiet"
            onClick={() => show({ ...(plan.text ? { text: plan.text } : { name: plan.name }), changes: (posted?.request.changes as string[]) ?? [] })}
          >
            Show its plan
          </button>
        )}
        {!open && (
          <button className="quiet" aria-label={`Remove ${name}`} onClick={() => does(forget(job.id))}>
            Remove
          </button>
        )}
      </p>
    </li>
  );
}

interface Props {
  state: State;
  jobs: Job[];
  /** Whether this user may begin jobs. */
  may: boolean;
  refresh: () => void;
  show: (plan: Plan) => void;
  close: () => void;
}

/** Studies, validations and failures of a run as jobs: they go on when the page or the server is closed. */
export function JobsPanel({ state, jobs, may, refresh, show, close }: Props) {
  const [posted, setPosted] = useState<Record<string, Posted>>({});
  const listed = jobs.slice(0, LOOKED_UP).map((j) => j.id).join(' ');
  useEffect(() => {
    let here = true;
    for (const id of listed.split(' ').filter((i) => i && !(i in posted))) {
      question(id).then(
        (q) => here && setPosted((all) => ({ ...all, [id]: q })),
        () => undefined,
      );
    }
    return () => {
      here = false;
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [listed]);
  return (
    <Side title="Jobs" close={close}>
      {may && <StartJob state={state} begun={refresh} />}
      <h3>{jobs.length ? 'Your jobs, the newest first' : 'No jobs yet.'}</h3>
      <p className="dim">A job goes on when this page is closed, and after a restart of the server.</p>
      <ul className="jobs" aria-label="Jobs" aria-live="polite">
        {jobs.map((j) => (
          <One key={j.id} job={j} posted={posted[j.id]} may={may} done={refresh} show={show} />
        ))}
      </ul>
    </Side>
  );
}
