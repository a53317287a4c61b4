import { useEffect, useRef, useState } from 'react';
import * as api from './api';
import type { Card, Claim, Explained } from './types';

/** A panel at the side that takes the focus and gives it back. */
export function Side({ title, close, children }: { title: string; close?: () => void; children: React.ReactNode }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    box.current?.focus();
    return () => before?.focus();
  }, []);
  return (
    <div
      className="side"
      ref={box}
      tabIndex={-1}
      role="dialog"
      aria-label={title}
      onKeyDown={(e) => e.key === 'Escape' && close?.()}
    >
      <div className="bar">
        <h2>{title}</h2>
        {close && (
          <button className="quiet" onClick={close}>
            Close
          </button>
        )}
      </div>
      <div className="scroll" tabIndex={0} role="region" aria-label={`${title}, content`}>
        {children}
      </div>
    </div>
  );
}

function Tree({ of, top }: { of: Explained; top: boolean }) {
  const shown = of.figures.slice(0, top ? 12 : 6);
  const count = of.facts.length + of.more_facts;
  return (
    <>
      <p>
        {of.meaning}. <em>{of.is}</em>
      </p>
      <ul className="figures">
        {shown.map((f, i) => (
          <li key={i}>
            {Object.values(f.at).join(', ')} <b>{f.text}</b> {of.unit !== '1' && of.unit !== 'date' && !f.date && of.unit}
          </li>
        ))}
        {of.figures.length > shown.length && <li>and {of.figures.length - shown.length} more</li>}
      </ul>
      {of.formula && (
        <p>
          Formula: <code>{of.formula}</code>
        </p>
      )}
      {of.decided.length > 0 && (
        <p>
          Moved most by {of.decided.map((d) => `${d.words} (${Math.round(100 * d.share)} %, ${d.evidence})`).join('; ')}.
        </p>
      )}
      {of.facts.length > 0 && (
        <details open={top}>
          <summary>
            {count === 1 ? '1 fact or line of the plan' : `${count} facts and lines of the plan, those that matter most first`}
          </summary>
          <ul className="facts">
            {of.facts.map((f, i) => (
              <li key={i}>
                <code>{f.fact || f.path}</code> <b>{f.value}</b> {f.unit !== '1' && f.unit}
                {f.low !== null && f.high !== null && f.low !== f.high && ` (${f.low} to ${f.high})`}{' '}
                <span className="dim">
                  {f.evidence}
                  {f.source && `: ${f.source}`} {f.date}
                </span>
              </li>
            ))}
          </ul>
        </details>
      )}
      {of.inputs.map((one, i) => (
        <details key={i}>
          <summary>
            <code>{one.quantity}</code>{' '}
            {one.figures.length === 1 ? one.figures[0].text : `${one.figures.length} figures`}{' '}
            {one.unit !== '1' && one.unit !== 'date' && `[${one.unit}]`}
          </summary>
          <div className="below">
            <Tree of={one} top={false} />
          </div>
        </details>
      ))}
    </>
  );
}

export function ExplainPanel({ id, card, close }: { id: string; card: Card; close: () => void }) {
  const [found, setFound] = useState<Explained | null>(null);
  const [wrong, setWrong] = useState('');
  const at = Object.entries(card.at)
    .map(([k, v]) => `${k}=${v}`)
    .join(',');
  useEffect(() => {
    const control = new AbortController();
    api
      .explain(id, card.variable, at, control.signal)
      .then((f) => {
        setFound(f);
        setWrong('');
      })
      .catch((e: Error) => control.signal.aborted || setWrong(e.message));
    return () => control.abort();
  }, [id, card.variable, at]);
  return (
    <Side title={`Where it comes from: ${card.name}`} close={close}>
      <p>
        <strong>{card.value}</strong>
        {card.range && ` (80 %: ${card.range})`}. {card.detail}.
      </p>
      <p>
        <code>
          {card.variable}
          {at && ` at ${at}`}
        </code>
      </p>
      {wrong && <p className="problem">{wrong}</p>}
      {found ? <Tree of={found} top /> : !wrong && <p>…</p>}
    </Side>
  );
}

export function ClaimPanel({ claim, close }: { claim: Claim; close: () => void }) {
  return (
    <Side title={`Claim ${claim.id}: ${claim.verdict}`} close={close}>
      <p>
        <strong>{claim.says}</strong>
      </p>
      <p>
        {claim.mark} {claim.verdict}: {claim.because}
      </p>
      {claim.futures && <p>{claim.futures}</p>}
      {claim.source && <p className="dim">{claim.source}</p>}
    </Side>
  );
}
