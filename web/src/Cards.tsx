import type { Card } from './types';

/** Where the figure and plan B's lie in the range, where all are numbers of one kind. */
function Range({ card, ghost }: { card: Card; ghost?: Card }) {
  const low = card.span?.low;
  const high = card.span?.high;
  const at = card.number;
  if (low == null || high == null || at == null || at < low * 0.999 || at > high * 1.001 || low >= high) {
    return <span className="range" aria-hidden="true" />;
  }
  const b = ghost?.number ?? null;
  const all = [low, high, ...(b === null ? [] : [b])];
  const [from, to] = [Math.min(...all), Math.max(...all)];
  const place = (v: number) => `${4 + (92 * (v - from)) / (to - from)}%`;
  return (
    <span className="range" aria-hidden="true">
      <i className="span" style={{ left: place(low), width: `calc(${place(high)} - ${place(low)})` }} />
      {b !== null && <i className="ghost" style={{ left: place(b) }} />}
      <i className="dot" style={{ left: place(at) }} />
    </span>
  );
}

interface Props {
  cards: Card[];
  others: Card[];
  stale: boolean;
  rough: boolean;
  open: (card: Card) => void;
}

/** A card's name as a narrow card holds it. */
const shortened = (name: string) =>
  name.replace(' of the announced sites', '').replace('million generated tokens', 'M tokens').replace('investment ', '');

export function Cards({ cards, others, stale, rough, open }: Props) {
  return (
    <div className={`cards ${stale ? 'stale' : ''}`} role="group" aria-label="Figures">
      {cards.map((card) => {
        const ghost = others.find((o) => o.name === card.name);
        return (
          <button key={card.name} className="panel card" data-card={card.variable} onClick={() => open(card)}>
            <span className="name" title={card.name}>
              {shortened(card.name)}
            </span>
            <strong className={card.value.length > 14 ? 'long' : ''}>{card.value}</strong>
            <Range card={card} ghost={ghost} />
            <span className={`text ${rough ? 'rough' : ''}`}>
              {card.range ? `80 %: ${card.range}` : 'the central future'}
            </span>
            {ghost && <span className="text ghost">B {ghost.value}</span>}
            {card.decided[0] && (
              <span className="text" title={`${card.decided[0].words} (${card.decided[0].input})`}>
                moved by {card.decided[0].words} ({Math.round(100 * card.decided[0].share)} %)
              </span>
            )}
          </button>
        );
      })}
    </div>
  );
}
