import { useEffect, useState } from 'react';
import * as api from './api';
import { Cards } from './Cards';
import { Chart } from './Chart';
import type { Answer, Card, Framed, Plan } from './types';

interface Props {
  frame: 'lender' | 'site';
  plan: Plan;
  site: string;
  setSite: (site: string) => void;
  /** The answer whose plan and members the frame is of. */
  answer: Answer | null;
  stale: boolean;
  dark: boolean;
  open: (id: string, card: Card) => void;
}

/** What a lender, or the developer of a site, looks at: groups of figures, and charts. */
export function FrameView({ frame, plan, site, setSite, answer, stale, dark, open }: Props) {
  const [found, setFound] = useState<Framed | null>(null);
  const [of, setOf] = useState('');
  const [wrong, setWrong] = useState('');
  const key = `${answer?.id} ${frame} ${site}`;
  useEffect(() => {
    if (!answer || stale) return;
    const control = new AbortController();
    api
      .frame(plan, frame, site, answer.members, control.signal)
      .then((f) => {
        setFound(f);
        setOf(key);
        setWrong('');
      })
      .catch((e: Error) => control.signal.aborted || e.name === 'AbortError' || setWrong(e.message));
    return () => control.abort();
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [key, stale]);
  const old = stale || of !== key;
  const shown = found && of.split(' ')[1] === frame ? found : null;
  return (
    <div className="frame" data-frame={frame} data-ready={shown !== null && !old}>
      {wrong && <p className="problem">{wrong}</p>}
      <div className="lead">
        <p>{shown?.sentence ?? (wrong ? '' : 'Looking at the result …')}</p>
        {frame === 'site' && shown && (
          <label className="pick">
            site
            <select value={shown.site} onChange={(e) => setSite(e.target.value)}>
              {shown.sites.map((s) => (
                <option key={s.name} value={s.name}>
                  {s.title}
                </option>
              ))}
            </select>
          </label>
        )}
      </div>
      {shown?.groups.map((g) => (
        <section key={g.heading} aria-label={g.heading} className="group">
          <h2>{g.heading}</h2>
          <Cards cards={g.cards} others={[]} stale={old} rough={shown.members === 1} open={(c) => open(shown.id, c)} />
        </section>
      ))}
      <div className="charts">
        {shown?.charts.map((c) => (
          <Chart key={c.id} place={c.id} chart={c} stale={old} dark={dark} group={c.option.shows?.time ? 'frame' : undefined} />
        ))}
      </div>
    </div>
  );
}
