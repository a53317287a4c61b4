import { useEffect, useRef, useState } from 'react';
import * as api from './api';
import { Side } from './Panel';
import { ProblemText } from './Sliders';
import type { Plan, Problem } from './types';

const PAUSE_MS = 500;

interface Props {
  plan: Plan;
  problems: Problem[];
  set: (plan: Plan, what: string) => void;
  close: () => void;
}

/** The plan's YAML beside the form: changes of the form are written into it, and what is written is the plan. */
export function Editor({ plan, problems, set, close }: Props) {
  const [text, setText] = useState<string | null>(null);
  const [wrong, setWrong] = useState<Problem[]>([]);
  const area = useRef<HTMLTextAreaElement>(null);
  const gutter = useRef<HTMLDivElement>(null);
  const own = useRef<string | null>(null);

  useEffect(() => {
    if (plan.text !== undefined && plan.text === own.current && !plan.changes.length) return;
    api
      .text(plan)
      .then((t) => {
        own.current = t;
        setText(t);
        setWrong([]);
      })
      .catch((e: unknown) => {
        if (plan.text !== undefined) setText((t) => t ?? plan.text ?? '');
        if (e instanceof api.Wrong) setWrong(e.problems);
      });
  }, [plan]);

  useEffect(() => {
    if (text === null || text === own.current) return;
    const timer = setTimeout(() => {
      own.current = text;
      set({ text, changes: [] }, 'text');
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text, set]);

  const found = [...problems, ...wrong].filter(
    (p, i, all) => all.findIndex((q) => q.text === p.text) === i,
  );
  const bad = new Set(found.map((p) => p.line));
  const lines = (text ?? '').split('\n');
  const go = (p: Problem) => {
    const at = lines.slice(0, p.line - 1).reduce((n, l) => n + l.length + 1, 0) + Math.max(p.column - 1, 0);
    area.current?.focus();
    area.current?.setSelectionRange(at, at + Math.max((lines[p.line - 1]?.length ?? 0) - p.column + 1, 0));
    if (area.current) area.current.scrollTop = Math.max(p.line - 6, 0) * 18;
  };
  return (
    <Side title="The plan's YAML" close={close}>
      <div className="editor">
        <div className="gutter" ref={gutter} aria-hidden="true">
          {lines.map((_, i) => (
            <div key={i} className={bad.has(i + 1) ? 'bad' : ''}>
              {i + 1}
            </div>
          ))}
        </div>
        <textarea
          ref={area}
          aria-label="The plan's YAML"
          aria-invalid={found.length > 0}
          spellCheck={false}
          wrap="off"
          value={text ?? ''}
          onChange={(e) => setText(e.target.value)}
          onScroll={() => {
            if (gutter.current && area.current) gutter.current.scrollTop = area.current.scrollTop;
          }}
        />
      </div>
      {found.length > 0 && (
        <ul className="problems" aria-label="Problems of the plan">
          {found.map((p, i) => (
            <li key={i}>
              <button className="link" onClick={() => go(p)}>
                line {p.line || '–'}: {p.path}
              </button>{' '}
              <ProblemText problem={p} />
            </li>
          ))}
        </ul>
      )}
    </Side>
  );
}
