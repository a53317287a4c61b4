import { useState } from 'react';
import * as api from './api';
import { Side } from './Panel';
import { ProblemText } from './Sliders';
import type { Known, Problem } from './types';

const FIELDS: [string, string, 'region' | 'generation' | 'model' | null][] = [
  ['power', 'Power, with its basis', null],
  ['region', 'Region', 'region'],
  ['generation', 'System', 'generation'],
  ['model', 'Model that is served', 'model'],
  ['start', 'First year', null],
];

interface Props {
  known: Known;
  begin: (text: string) => void;
  close: () => void;
}

/** A plan of one's own: a site with a power and a place, whose demand is sized to it. */
export function StartPanel({ known, begin, close }: Props) {
  const [given, setGiven] = useState<Record<string, string>>({
    power: '150 MW it',
    region: 'us',
    generation: 'gb300_nvl72',
    model: 'gpt_oss_120b',
    start: '2027',
  });
  const [wrong, setWrong] = useState<Problem[]>([]);
  const [busy, setBusy] = useState(false);
  return (
    <Side title="A plan of your own" close={close}>
      <form
        className="start"
        onSubmit={(e) => {
          e.preventDefault();
          setBusy(true);
          api
            .start(given)
            .then((text) => {
              begin(text);
              close();
            })
            .catch((error: unknown) => setWrong(error instanceof api.Wrong ? error.problems : []))
            .finally(() => setBusy(false));
        }}
      >
        {FIELDS.map(([key, label, kind]) => (
          <label key={key}>
            {label}
            {kind ? (
              <select value={given[key]} onChange={(e) => setGiven({ ...given, [key]: e.target.value })}>
                {known[kind].map((name) => (
                  <option key={name} value={name}>
                    {known.titles[name] ?? name}
                  </option>
                ))}
              </select>
            ) : (
              <input value={given[key]} onChange={(e) => setGiven({ ...given, [key]: e.target.value })} />
            )}
          </label>
        ))}
        {wrong.length > 0 && (
          <ul className="problems" role="alert">
            {wrong.map((p, i) => (
              <li key={i}>
                <b>{p.path}</b> <ProblemText problem={p} />
              </li>
            ))}
          </ul>
        )}
        <button type="submit" disabled={busy}>
          {busy ? 'Sizing its demand …' : 'Begin'}
        </button>
      </form>
    </Side>
  );
}
