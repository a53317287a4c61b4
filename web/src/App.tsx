import { lazy, Suspense, useCallback, useEffect, useState } from 'react';
import * as api from './api';
import { Cards } from './Cards';
import { Chart, setNight, tick } from './Chart';
import { ProblemText, Sliders } from './Sliders';
import { packed, usePlanner } from './state';
import type { Card, Claim, Colour, Compared, FrameName, Inputs, Job, Kept, Known, Plan } from './types';
import { MEMBERS, useAnswer } from './useAnswer';

// What opens with a click is loaded with it.
const Editor = lazy(() => import('./later').then((m) => ({ default: m.Editor })));
const ClaimPanel = lazy(() => import('./later').then((m) => ({ default: m.ClaimPanel })));
const ExplainPanel = lazy(() => import('./later').then((m) => ({ default: m.ExplainPanel })));
const JobsPanel = lazy(() => import('./later').then((m) => ({ default: m.JobsPanel })));
const StoredPanel = lazy(() => import('./later').then((m) => ({ default: m.StoredPanel })));
const TokenPanel = lazy(() => import('./later').then((m) => ({ default: m.TokenPanel })));
const Phases = lazy(() => import('./later').then((m) => ({ default: m.Phases })));
const Engineer = lazy(() => import('./later').then((m) => ({ default: m.Engineer })));
const FrameView = lazy(() => import('./later').then((m) => ({ default: m.FrameView })));
const SiteMap = lazy(() => import('./later').then((m) => ({ default: m.SiteMap })));
const StartPanel = lazy(() => import('./later').then((m) => ({ default: m.StartPanel })));

type Theme = 'auto' | 'light' | 'dark';
const THEMES: Theme[] = ['auto', 'light', 'dark'];
const NAMES: Record<string, string> = {
  ladder: 'Power',
  demand: 'Asked and served',
  cost: 'Cost of tokens',
  cash: 'Money in and out',
  day: 'A day of the tightest month',
  training: 'Largest training run',
  map: 'Sites on a map',
};

const FRAMES: Record<FrameName, string> = { plan: 'Planner', engineer: 'Engineer', lender: 'Lender', site: 'Site' };

function useMedia(query: string): boolean {
  const [matches, set] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const media = matchMedia(query);
    const changed = () => set(media.matches);
    media.addEventListener('change', changed);
    changed();
    return () => media.removeEventListener('change', changed);
  }, [query]);
  return matches;
}

function useTheme(): [Theme, () => void, boolean] {
  const [theme, set] = useState<Theme>(() => (localStorage.getItem('gigaplan-theme') as Theme) ?? 'auto');
  const night = useMedia('(prefers-color-scheme: dark)');
  const dark = theme === 'dark' || (theme === 'auto' && night);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  const next = () => {
    const after = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    localStorage.setItem('gigaplan-theme', after);
    set(after);
  };
  return [theme, next, dark];
}

/** Which lines matter: by range at once, by what decides the figures once that is known and nothing was changed. */
function useInputs(plan: Plan, quiet: boolean): Inputs {
  const [found, set] = useState<Inputs>({ inputs: [], lines: [] });
  const base = plan.text ?? plan.name ?? '';
  useEffect(() => {
    if (quiet) return;
    const control = new AbortController();
    const own: Plan = plan.text === undefined ? { name: plan.name, changes: [] } : { text: plan.text, changes: [] };
    api
      .inputs(own, 1, control.signal)
      .then(async (rough) => {
        set((before) => (before.inputs.length && plan.text !== undefined ? { ...before, lines: rough.lines } : rough));
        const fine = await api.inputs(own, MEMBERS, control.signal);
        if (!document.activeElement?.closest('.sliders')) set(fine);
      })
      .catch(() => undefined);
    return () => control.abort();
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [base, quiet]);
  return found;
}

const POLL_MS = 1500;

/** The jobs of this user, looked at again while one is open. */
function useJobs(known: Known | null): [Job[], () => void] {
  const [jobs, set] = useState<Job[]>([]);
  const refresh = useCallback(() => void api.jobs().then(set, () => undefined), []);
  const open = jobs.some((j) => j.ended === null);
  useEffect(() => {
    if (known) refresh();
    const timer = open ? setInterval(refresh, POLL_MS) : 0;
    return () => clearInterval(timer);
  }, [known, open, refresh]);
  return [jobs, refresh];
}

function Causes({ compared, busy, named }: { compared: Compared | null; busy: boolean; named: string }) {
  if (busy) return <p className="dim">One group of lines after the other is swapped, to see what each does …</p>;
  if (!compared) return <p className="dim">Change a line, or choose plan B: what makes the difference stands here.</p>;
  if (!compared.differences.length) return <p className="dim">No figure differs from {named}.</p>;
  const signed = (v: number | null, unit: string) =>
    v === null ? '' : `${v > 0 ? '+' : ''}${tick(v)} ${unit === 'date' ? 'days' : unit}`;
  return (
    <ul>
      {compared.differences.slice(0, 6).map((d) => (
        <li key={d.name}>
          <b>{d.name}</b> {signed(d.change, d.unit)}
          {d.causes.length > 0 &&
            `: ${d.causes
              .slice(0, 3)
              .map((c) => `${c.group} ${signed(c.effect, d.unit)}`)
              .join(', ')}`}
        </li>
      ))}
      {compared.not_attributed && <li className="dim">{compared.not_attributed}</li>}
    </ul>
  );
}

export function App() {
  const { state, set, undo, redo, canUndo, canRedo } = usePlanner();
  const live = useAnswer(state);
  const { inputs, lines } = useInputs(state.plan, state.frame === 'engineer');
  const [theme, nextTheme, dark] = useTheme();
  const phone = useMedia('(max-width: 760px)');
  const [known, setKnown] = useState<Known | null>(null);
  const builtIn = known?.plans ?? [];
  const [card, setCard] = useState<Card | null>(null);
  const [claim, setClaim] = useState<Claim | null>(null);
  const [panel, setPanel] = useState<'' | 'start' | 'yaml' | 'jobs' | 'plans'>('');
  const [jobs, refresh] = useJobs(known);
  const [unknown, setUnknown] = useState('');
  const [sheet, setSheet] = useState(false);
  const [tab, setTab] = useState('ladder');
  const [second, setSecond] = useState<Record<string, string>>({ ladder: 'ladder', demand: 'demand', cost: 'cost' });
  const [month, setMonth] = useState('');
  const [told, setTold] = useState<{ id: string; card: Card } | null>(null);
  const [copied, setCopied] = useState('');
  const [moving, setMoving] = useState(false);

  useEffect(() => {
    api.plans().then(
      (found) => {
        setNight(found.night);
        setKnown(found);
      },
      (e) => e.unknown && setUnknown(e.message),
    );
  }, []);
  useEffect(() => {
    const keys = (e: KeyboardEvent) => {
      if (!(e.ctrlKey || e.metaKey) || e.key.toLowerCase() !== 'z') return;
      if ((e.target as HTMLElement).matches('textarea, input[type=text]')) return;
      e.preventDefault();
      if (e.shiftKey) redo();
      else undo();
    };
    addEventListener('keydown', keys);
    return () => removeEventListener('keydown', keys);
  }, [undo, redo]);

  const setPlan = useCallback((plan: Plan, what: string) => set({ ...state, plan }, what), [set, state]);
  const copy = async (what: string, text: string) => {
    await navigator.clipboard?.writeText(text).catch(() => undefined);
    setCopied(what);
    setTimeout(() => setCopied(''), 1500);
  };
  const begin = (plan: Plan, kept: Kept | null = null) => set({ ...state, plan, kept });
  const toggle = (which: typeof panel) => setPanel(panel === which ? '' : which);
  const open = jobs.filter((j) => j.ended === null);
  const { answer, problems } = live;
  const errors = problems.filter((p) => p.severity === 'error');
  const stale = live.stale || errors.length > 0;
  const drawing = live.drawing || stale;
  const charts = answer?.charts ?? {};
  const holds = answer?.claims?.filter((c) => c.verdict === 'holds' || c.verdict === 'by assumption').length ?? 0;
  const titles: Record<Colour, string> = { state: 'state', place: 'place', generation: 'generation' };

  const colour = (
    <>
      <button className="quiet" aria-pressed={moving} disabled={!answer?.phases.length} onClick={() => setMoving(!moving)}>
        Move phases
      </button>
      <label className="pick">
        colour by
      <select value={state.colour} onChange={(e) => set({ ...state, colour: e.target.value as Colour })}>
        {Object.entries(titles).map(([k, v]) => (
          <option key={k} value={k}>
            {v}
          </option>
        ))}
      </select>
      </label>
    </>
  );
  const swap = (place: string, others: string[]) => (
    <label>
      <span className="unseen">what this panel shows</span>
      <select className="heading" value={second[place]} onChange={(e) => setSecond({ ...second, [place]: e.target.value })}>
        {[place, ...others]
          .filter((o) => charts[o] || o === 'map')
          .map((o) => (
            <option key={o} value={o}>
              {NAMES[o]}
            </option>
          ))}
      </select>
    </label>
  );
  const axis = [charts.ladder?.option.xAxis].flat()[0];
  const span = axis ? [new Date(axis.min), new Date(axis.max)] : [];
  const months = axis ? 12 * (span[1].getUTCFullYear() - span[0].getUTCFullYear()) + span[1].getUTCMonth() - span[0].getUTCMonth() : 0;
  const handles = (width: number, hush: () => void) =>
    moving && width > 0 && months > 0 && answer && (
      <Suspense>
        <Phases phases={answer.phases} plan={state.plan} months={months} width={width} set={setPlan} hush={hush} />
      </Suspense>
    );
  const drawn = (place: string, tools?: React.ReactNode, heading?: React.ReactNode) =>
    place === 'map' ? (
      <Suspense>
        <SiteMap
          plan={state.plan}
          month={month}
          setMonth={setMonth}
          stale={stale}
          dark={dark}
          heading={heading ?? NAMES.map}
          open={(id, of) => setTold({ id, card: of })}
        />
      </Suspense>
    ) : charts[place] && (
      <Chart
        key={place}
        place={place}
        chart={charts[place]}
        stale={drawing}
        dark={dark}
        group={['ladder', 'demand', 'cost', 'training'].includes(place) ? 'months' : undefined}
        heading={heading}
        tools={tools}
        pointed={setMonth}
        over={place === 'ladder' ? handles : undefined}
      />
    );

  if (unknown) {
    return (
      <main>
        <h1>gigaplan</h1>
        <Suspense>
          <TokenPanel why={unknown} />
        </Suspense>
      </main>
    );
  }
  return (
    <div className="app" data-view={state.frame} data-busy={drawing || live.progress !== null} data-figures={!stale} data-stale={drawing}>
      <header>
        <h1>gigaplan</h1>
        <div className="views" role="group" aria-label="Views">
          {Object.entries(FRAMES).map(([k, name]) => (
            <button key={k} aria-pressed={state.frame === k} onClick={() => set({ ...state, frame: k as FrameName }, 'frame')}>
              {name}
            </button>
          ))}
        </div>
        <label className="pick">
          <span className="unseen">Plan</span>
          <select
            aria-label="Plan"
            value={state.plan.text === undefined ? state.plan.name : ''}
            onChange={(e) => begin({ name: e.target.value, changes: [] })}
          >
            {state.plan.text !== undefined && <option value="">{state.kept?.title ?? 'your own text'}</option>}
            {builtIn.map((p) => (
              <option key={p.name} value={p.name}>
                {p.title}
              </option>
            ))}
          </select>
        </label>
        <label className="pick">
          vs
          <select
            aria-label="Plan B"
            value={state.other ? (state.other.changes.length || state.other.text !== undefined ? 'kept' : state.other.name) : ''}
            onChange={(e) => {
              const v = e.target.value;
              const other = v === '' ? null : v === 'now' ? state.plan : v === 'kept' ? state.other : { name: v, changes: [] };
              set({ ...state, other });
            }}
          >
            <option value="">no plan B</option>
            <option value="now">the plan as it is now</option>
            {state.other && (state.other.changes.length > 0 || state.other.text !== undefined) && (
              <option value="kept">the plan as it was kept</option>
            )}
            {builtIn.map((p) => (
              <option key={p.name} value={p.name}>
                {p.title}
              </option>
            ))}
          </select>
        </label>
        <span className="grow" />
        <span className="pair">
          <button onClick={undo} disabled={!canUndo} aria-label="Undo">
            ↶
          </button>
          <button onClick={redo} disabled={!canRedo} aria-label="Redo">
            ↷
          </button>
        </span>
        <button onClick={() => setPanel('start')} disabled={!known}>
          New
        </button>
        {known?.me && (
          <button aria-pressed={panel === 'plans'} title={`${known.me.name}, ${known.me.role}`} onClick={() => toggle('plans')}>
            Plans
          </button>
        )}
        <button aria-pressed={panel === 'yaml'} onClick={() => toggle('yaml')}>
          YAML
        </button>
        <button aria-pressed={panel === 'jobs'} onClick={() => toggle('jobs')} disabled={!known}>
          {open.length ? `Jobs ${open.length}` : 'Jobs'}
        </button>
        <label className="button">
          Open file
          <input
            type="file"
            accept=".yaml,.yml"
            className="unseen"
            onChange={async (e) => {
              const file = e.target.files?.[0];
              if (file) begin({ text: await file.text(), changes: [] });
              e.target.value = '';
            }}
          />
        </label>
        <button onClick={() => copy('link', `${location.origin}/#s=${packed(state)}`)}>
          {copied === 'link' ? 'Copied' : 'Copy link'}
        </button>
        <label className="pick">
          <span className="unseen">Download</span>
          <select
            className="get"
            value=""
            disabled={!answer}
            onChange={(e) => answer && void api.download(answer.id, e.target.value)}
            aria-label="Download"
          >
            <option value="">Download…</option>
            <option value="html">Report (HTML)</option>
            <option value="csv">Results (CSV)</option>
            <option value="parquet">Results (Parquet)</option>
            <option value="xlsx">Workbook (XLSX)</option>
            <option value="json">Summary (JSON)</option>
          </select>
        </label>
        <button onClick={nextTheme} aria-label={`Theme: ${theme}`}>
          {theme === 'auto' ? '◐' : theme === 'light' ? '○' : '●'}
        </button>
      </header>

      <section className={`sentence ${stale ? 'stale' : ''}`} aria-live="polite" aria-label="Answer">
        <p>{answer?.sentence ?? (live.refused || 'Simulating the plan …')}</p>
        <p className="dim">
          {answer?.ranges ||
            (live.progress !== null
              ? `The ranges of ${MEMBERS} futures are being computed: ${Math.round(100 * live.progress)} %.`
              : 'The central future.')}
        </p>
      </section>

      {(errors.length > 0 || live.refused) && (
        <div className="wrongs" role="alert">
          {live.refused && <p className="problem">{live.refused}</p>}
          {errors.slice(0, 4).map((p, i) => (
            <p key={i}>
              <b>
                {p.file}
                {p.line > 0 && `:${p.line}`} {p.path}
              </b>{' '}
              <ProblemText problem={p} />
            </p>
          ))}
          {errors.length > 4 && <p>and {errors.length - 4} more</p>}
        </div>
      )}

      {state.frame !== 'engineer' && (
      <div className={`left ${sheet ? 'open' : ''}`}>
        <Sliders inputs={inputs} lines={lines} plan={state.plan} problems={errors} set={setPlan} />
      </div>
      )}

      <main>
        {state.frame === 'engineer' ? (
          <Suspense>
            <Engineer asked={state.engineer} set={(engineer, what) => set({ ...state, engineer }, what)} dark={dark} />
          </Suspense>
        ) : state.frame !== 'plan' ? (
          <Suspense>
            <FrameView
              frame={state.frame}
              plan={state.plan}
              site={state.site}
              setSite={(site) => set({ ...state, site })}
              answer={answer}
              stale={stale}
              dark={dark}
              open={(id, of) => setTold({ id, card: of })}
            />
          </Suspense>
        ) : (
          <>
        <Cards
          cards={answer?.cards ?? []}
          others={answer?.other?.cards ?? []}
          stale={stale}
          rough={answer?.members === 1}
          open={setCard}
        />
        {phone ? (
          <>
            <div className="tabs" role="group" aria-label="Charts">
              {Object.keys(NAMES)
                .filter((k) => charts[k] || k === 'map')
                .map((k) => (
                  <button key={k} aria-pressed={tab === k} onClick={() => setTab(k)}>
                    {NAMES[k]}
                  </button>
                ))}
            </div>
            {drawn(tab, tab === 'ladder' ? colour : undefined)}
          </>
        ) : (
          <>
            <div className="first">{drawn(second.ladder, second.ladder === 'ladder' ? colour : undefined, swap('ladder', ['map']))}</div>
            <div className="three">
              {drawn(second.demand, undefined, swap('demand', ['day']))}
              {drawn(second.cost, undefined, swap('cost', ['training']))}
              {drawn('cash', undefined, NAMES.cash)}
            </div>
          </>
        )}
        <div className="two">
          <section className={`panel claims ${stale ? 'stale' : ''}`} aria-label="Claims">
            <h2>
              Claims {answer?.claims && <small>{`${holds} of ${answer.claims.length} hold`}</small>}
            </h2>
            <div className="strip">
              {answer?.claims?.map((c) => (
                <button
                  key={c.id}
                  className="quiet"
                  title={`${c.id} ${c.verdict}: ${c.says}`}
                  aria-label={`${c.id} ${c.verdict}: ${c.says}`}
                  data-verdict={c.verdict}
                  onClick={() => setClaim(c)}
                >
                  {c.mark} {c.id}
                </button>
              ))}
              {answer?.claims?.length === 0 && <span className="dim">This plan makes none.</span>}
            </div>
          </section>
          <section className={`panel causes ${stale ? 'stale' : ''}`} aria-label="Why it differs">
            <h2>
              Why it differs from {state.other ? 'plan B' : 'the plan before its changes'}
            </h2>
            <div className="scroll" tabIndex={0} role="region" aria-label="Causes of the difference">
              <Causes compared={live.compared} busy={live.comparing} named={state.other ? 'plan B' : 'the plan before its changes'} />
            </div>
          </section>
        </div>
          </>
        )}
      </main>

      <footer>
        <button className="quiet" onClick={() => answer && copy('command', answer.command)}>
          {copied === 'command' ? 'Copied' : 'Copy'}
        </button>
        <code tabIndex={0}>$ {answer?.command}</code>
        <span className="grow" />
        <span className="dim">
          {live.progress !== null && `ranges ${Math.round(100 * live.progress)} % · `}
          {answer && `gigaplan ${answer.stamp.version}, facts ${answer.stamp.catalog_vintage}, ${answer.stamp.plan_hash.slice(0, 8)}`}
        </span>
      </footer>
      {phone && state.frame !== 'engineer' && (
        <button className="opener" aria-expanded={sheet} onClick={() => setSheet(!sheet)}>
          {sheet ? 'Close' : 'What if'}
        </button>
      )}
      <Suspense>
      {card && answer && (
        <ExplainPanel
          id={answer.id}
          card={answer.cards.find((c) => c.name === card.name) ?? card}
          close={() => setCard(null)}
        />
      )}
      {told && <ExplainPanel id={told.id} card={told.card} close={() => setTold(null)} />}
      {claim && <ClaimPanel claim={answer?.claims?.find((c) => c.id === claim.id) ?? claim} close={() => setClaim(null)} />}
      {panel === 'start' && <StartPanel known={known!} begin={(text) => begin({ text, changes: [] })} close={() => setPanel('')} />}
      {panel === 'yaml' && <Editor plan={state.plan} problems={errors} set={setPlan} close={() => setPanel('')} />}
      {panel === 'jobs' && (
        <JobsPanel
          state={state}
          jobs={jobs}
          may={known?.me?.role !== 'viewer'}
          refresh={refresh}
          show={begin}
          close={() => setPanel('')}
        />
      )}
      {panel === 'plans' && (
        <StoredPanel
          me={known!.me!}
          plan={state.plan}
          title={answer?.stamp.title ?? ''}
          kept={state.kept}
          open={begin}
          close={() => setPanel('')}
        />
      )}
      </Suspense>
    </div>
  );
}
