import { useCallback, useEffect, useState } from 'react';
import { KEY } from './api';
import * as more from './more';
import { Side } from './Panel';
import type { Kept, Plan, Stored, Version } from './types';

export const day = (seconds: number) => new Date(1000 * seconds).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' });
const SHARED: Record<string, string> = { private: 'only you', read: 'all may read', write: 'all may change' };
const ACCESS: Record<string, string> = { read: 'may read', write: 'may change' };

/** Keeps a token for this tab, and begins anew with it. */
function enter(token: string): void {
  if (token) sessionStorage.setItem(KEY, token);
  else sessionStorage.removeItem(KEY);
  location.reload();
}

/** Who isn't known is asked for a token, which an admin of the server gives. */
export function TokenPanel({ why }: { why: string }) {
  const [token, setToken] = useState('');
  return (
    <Side title="Your token">
      <form
        className="start"
        onSubmit={(e) => {
          e.preventDefault();
          enter(token.trim());
        }}
      >
        {sessionStorage.getItem(KEY) && <p role="alert" className="problem">{why}</p>}
        <p>This planner is a team's: an admin of it gives you a token. It stays in this tab.</p>
        <label>
          Token
          <input type="password" autoComplete="off" required value={token} onChange={(e) => setToken(e.target.value)} />
        </label>
        <button type="submit">Enter</button>
      </form>
    </Side>
  );
}

interface NamedProps {
  plan: Stored;
  does: (what: Promise<unknown>) => void;
}

/** The users with whom one's plan is shared by name. */
function Named({ plan, does }: NamedProps) {
  const [name, setName] = useState('');
  const [access, setAccess] = useState('read');
  return (
    <div className="below">
      {Object.entries(plan.shared_with ?? {}).map(([who, may]) => (
        <p key={who} className="row">
          {who} {ACCESS[may]}
          <button className="quiet" aria-label={`No longer share with ${who}`} onClick={() => does(more.shareWith(plan.id, who, 'none'))}>
            ×
          </button>
        </p>
      ))}
      <form
        className="row"
        onSubmit={(e) => {
          e.preventDefault();
          does(more.shareWith(plan.id, name.trim(), access).then(() => setName('')));
        }}
      >
        <input aria-label={`User to share ${plan.title} with`} placeholder="name of a user" required value={name} onChange={(e) => setName(e.target.value)} />
        <select aria-label="who then" value={access} onChange={(e) => setAccess(e.target.value)}>
          {Object.entries(ACCESS).map(([k, text]) => (
            <option key={k} value={k}>
              {text}
            </option>
          ))}
        </select>
        <button type="submit">Share</button>
      </form>
    </div>
  );
}

interface RowProps {
  plan: Stored;
  current: boolean;
  may: boolean;
  open: (id: string, version?: number) => void;
  does: (what: Promise<unknown>) => void;
}

function Row({ plan, current, may, open, does }: RowProps) {
  const [versions, setVersions] = useState<Version[] | null>(null);
  const [naming, setNaming] = useState(false);
  const named = Object.keys(plan.shared_with ?? {});
  return (
    <li data-plan={plan.title} aria-current={current}>
      <p>
        <b>{plan.title}</b> {current && <small>open</small>}
      </p>
      <p className="dim">
        {plan.mine ? 'yours' : `of ${plan.owner}`}, {plan.mine ? [plan.shared === 'private' && named.length ? '' : SHARED[plan.shared], named.length ? `shared with ${named.join(', ')}` : ''].filter(Boolean).join(', ') : plan.may_write ? 'you may change it' : 'to read'} · version{' '}
        {plan.version}, {day(plan.changed)}
      </p>
      <p className="row">
        <button onClick={() => open(plan.id)}>Open</button>
        {plan.mine && may && (
          <label className="pick">
            <select value={plan.shared} aria-label={`Who may see ${plan.title}`} onChange={(e) => does(more.share(plan.id, e.target.value))}>
              {Object.entries(SHARED).map(([k, text]) => (
                <option key={k} value={k}>
                  {text}
                </option>
              ))}
            </select>
          </label>
        )}
        {plan.mine && may && (
          <button className="quiet" aria-expanded={naming} onClick={() => setNaming(!naming)}>
            Share with …
          </button>
        )}
        <button
          className="quiet"
          aria-expanded={versions !== null}
          onClick={() => (versions ? setVersions(null) : does(more.history(plan.id).then(setVersions)))}
        >
          History
        </button>
        {plan.mine && may && (
          <button className="quiet" aria-label={`Remove ${plan.title}`} onClick={() => confirm(`Remove ${plan.title} with all its versions?`) && does(more.remove(plan.id))}>
            Remove
          </button>
        )}
      </p>
      {naming && <Named plan={plan} does={does} />}
      {versions && (
        <ol className="below" aria-label={`Versions of ${plan.title}`}>
          {versions.map((v) => (
            <li key={v.version}>
              <button className="link" onClick={() => open(plan.id, v.version)}>
                version {v.version}
              </button>{' '}
              {v.author}, {day(v.at)}
              {v.note && `: ${v.note}`}
            </li>
          ))}
        </ol>
      )}
    </li>
  );
}

interface Props {
  me: { name: string; role: string };
  plan: Plan;
  title: string;
  kept: Kept | null;
  open: (plan: Plan, kept: Kept | null) => void;
  close: () => void;
}

/** The plans that a team's server keeps: one's own, and those that others share. */
export function StoredPanel({ me, plan, title, kept, open, close }: Props) {
  const [plans, setPlans] = useState<Stored[] | null>(null);
  const [name, setName] = useState(kept?.title ?? title);
  const [note, setNote] = useState('');
  const [wrong, setWrong] = useState('');
  const [said, setSaid] = useState('');
  const may = me.role !== 'viewer';
  const load = useCallback(() => more.stored().then(setPlans), []);
  const does = useCallback(
    (what: Promise<unknown>, done = '') =>
      void what
        .then(() => {
          setWrong('');
          setSaid(done);
          return load();
        })
        .catch((e: Error) => setWrong(e.message)),
    [load],
  );
  useEffect(() => does(load()), [does, load]);
  const read = (id: string, version?: number) =>
    does(
      more.opened(id, version).then((found) => {
        const { name: builtIn, text, changes } = found.plan!;
        const newest = plans?.find((p) => p.id === id)?.version ?? found.version;
        setName(found.title);
        open({ ...(text ? { text } : { name: builtIn }), changes }, { id, title: found.title, version: newest });
      }),
    );
  const wrote = (found: Stored) => {
    setNote('');
    open(plan, { id: found.id, title: found.title, version: found.version });
  };
  const current = plans?.find((p) => p.id === kept?.id);
  return (
    <Side title="Plans" close={close}>
      <p className="bar">
        <span>
          You are <b>{me.name}</b>, a {me.role}.
        </span>
        <button className="quiet" onClick={() => enter('')}>
          Another token
        </button>
      </p>
      {may && (
        <form className="start" aria-label="Save" onSubmit={(e) => e.preventDefault()}>
          <label>
            Title
            <input value={name} maxLength={200} onChange={(e) => setName(e.target.value)} />
          </label>
          <label>
            What is new in it
            <input value={note} maxLength={500} placeholder="a note for its history" onChange={(e) => setNote(e.target.value)} />
          </label>
          <p className="row">
            {current?.may_write && kept && (
              <button disabled={!name.trim()} onClick={() => does(more.change(kept.id, kept.version, name.trim(), plan, note).then(wrote), 'Saved.')}>
                Save
              </button>
            )}
            <button disabled={!name.trim()} onClick={() => does(more.keep(name.trim(), plan, note).then(wrote), 'Saved as a plan of yours.')}>
              Save as new
            </button>
            <span role="status">{said}</span>
          </p>
        </form>
      )}
      {wrong && (
        <p className="problem" role="alert">
          {wrong}
        </p>
      )}
      {plans && <h3>{plans.length ? 'Yours, and those shared with you' : 'No plans are kept yet.'}</h3>}
      <ul className="jobs" aria-label="Plans">
        {plans?.map((p) => (
          <Row key={p.id} plan={p} current={p.id === kept?.id} may={may} open={read} does={does} />
        ))}
      </ul>
    </Side>
  );
}
