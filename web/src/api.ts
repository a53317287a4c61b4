import type {
  Answer,
  Compared,
  Explained,
  Framed,
  Inputs,
  Job,
  Known,
  Places,
  Plan,
  Problem,
  Serving,
  ServingAsked,
  State,
  Training,
  TrainingAsked,
  Workable,
} from './types';

/** The plan is wrong: every problem at once, as the terminal lists them. */
export class Wrong extends Error {
  constructor(readonly problems: Problem[]) {
    super(problems.map((p) => p.text).join('\n'));
  }
}

export class Refused extends Error {
  constructor(
    text: string,
    /** Whether a token would let one in. */
    readonly unknown = false,
  ) {
    super(text);
  }
}

export const KEY = 'gigaplan-token';
const tab = crypto.randomUUID();

/** Takes the token out of the link and keeps it for this tab. */
export function takeToken(): void {
  const given = new URLSearchParams(location.hash.slice(1));
  const token = given.get('token');
  if (!token) return;
  sessionStorage.setItem(KEY, token);
  const state = given.get('s');
  history.replaceState(null, '', state ? `#s=${state}` : location.pathname);
}

export async function ask(path: string, body: unknown, signal?: AbortSignal, method = body === undefined ? 'GET' : 'POST'): Promise<Response> {
  const response = await fetch(path, {
    method,
    headers: {
      'content-type': 'application/json',
      'x-gigaplan-token': sessionStorage.getItem(KEY) ?? '',
      'x-gigaplan-tab': tab,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal,
  });
  if (response.ok) return response;
  const text = await response.text();
  let problems: Problem[] | undefined;
  try {
    problems = JSON.parse(text).problems;
  } catch {
    problems = undefined;
  }
  if (problems) throw new Wrong(problems);
  throw new Refused(text, response.headers.has('www-authenticate'));
}

/** Reads an answer that may come as lines of JSON, of which the last one has it. */
export async function read<T>(response: Response, progress?: (share: number) => void): Promise<T> {
  if (!response.headers.get('content-type')?.includes('ndjson')) return response.json();
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    rest += value ?? '';
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const step = JSON.parse(line);
      if (step.answer !== undefined) return step.answer;
      if (step.problems) throw new Wrong(step.problems);
      if (step.cancelled) throw new DOMException('cancelled', 'AbortError');
      if (step.total) progress?.(step.done / step.total);
    }
    if (done) throw new Refused('the server ended before it answered');
  }
}

export const jobs = async () => (await read<{ jobs: Job[] }>(await ask('/api/jobs', undefined))).jobs;

export const plans = async () => read<Known>(await ask('/api/plans', undefined));

export const answer = async (
  state: State,
  members: number,
  claims: boolean,
  signal: AbortSignal,
  progress?: (share: number) => void,
  charts = true,
) =>
  read<Answer>(
    await ask(
      '/api/answer',
      { plan: state.plan, other: state.other, members, claims, charts, colour_by: state.colour },
      signal,
    ),
    progress,
  );

export const inputs = async (plan: Plan, members: number, signal?: AbortSignal) =>
  read<Inputs>(await ask('/api/inputs', { plan, members }, signal));

export const text = async (plan: Plan) => (await read<{ text: string }>(await ask('/api/text', { plan }))).text;

export const start = async (given: Record<string, string>) =>
  (await read<{ text: string }>(await ask('/api/start', given))).text;

export const places = async (plan: Plan, signal: AbortSignal) =>
  read<Places>(await ask('/api/places', { plan }, signal));

export const frame = async (plan: Plan, of: string, site: string, members: number, signal: AbortSignal) =>
  read<Framed>(await ask('/api/frame', { plan, frame: of, site, members }, signal));

export const workable = async () => read<Workable>(await ask('/api/known', undefined));

export const serving = async (asked: ServingAsked, signal: AbortSignal) =>
  read<Serving>(await ask('/api/serving', asked, signal));

export const training = async (asked: TrainingAsked, signal: AbortSignal) =>
  read<Training>(await ask('/api/training', asked, signal));

export const compare = async (plan: Plan, other: Plan, signal: AbortSignal) =>
  read<Compared>(await ask('/api/compare', { plan, other }, signal));

export const explain = async (id: string, quantity: string, at: string, signal: AbortSignal) =>
  read<Explained>(
    await ask(`/api/explain?${new URLSearchParams({ answer: id, quantity, at })}`, undefined, signal),
  );

export async function download(id: string, form: string): Promise<void> {
  const response = await ask(`/api/download?${new URLSearchParams({ answer: id, form })}`, undefined);
  save(URL.createObjectURL(await response.blob()), `gigaplan-result.${form}`);
}

export function save(url: string, name: string): void {
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
}
