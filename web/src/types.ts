/** What the server sends and takes; src/gigaplan/app/requests.py and answers.py say the same. */

export interface Plan {
  name?: string;
  text?: string;
  changes: string[];
}

export type Colour = 'state' | 'place' | 'generation';

export type FrameName = 'plan' | 'engineer' | 'lender' | 'site';

export interface ServingAsked {
  models: string[];
  systems: string[];
  input_tokens: number;
  output_tokens: number;
  ttft_s: number;
  tpot_s: number;
  engine: string;
  precision: string;
}

export interface TrainingAsked {
  model: string;
  system: string;
  gpus: number;
  tokens: string;
  sequence_tokens: number;
  precision: string;
}

/** All that the page shows: it stands in the link. */
export interface State {
  plan: Plan;
  other: Plan | null;
  colour: Colour;
  frame: FrameName;
  /** The site of a developer's frame; the largest where it is empty. */
  site: string;
  engineer: { serving: ServingAsked; training: TrainingAsked };
  /** The plan of a team's server that was opened, at the version that was read. */
  kept: Kept | null;
}

export interface Kept {
  id: string;
  title: string;
  version: number;
}

/** A plan that a team's server keeps. */
export interface Stored extends Kept {
  owner: string;
  shared: 'private' | 'read' | 'write';
  changed: number;
  mine: boolean;
  may_write: boolean;
  /** With whom it is shared by name; its owner alone sees that. */
  shared_with?: Record<string, 'read' | 'write'>;
  plan?: { name: string; text: string; changes: string[] };
}

export interface Version {
  version: number;
  author: string;
  at: number;
  note: string;
}

/** Long work that outlives the page. */
export interface Job {
  id: string;
  verb: string;
  state: 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';
  done: number;
  total: number;
  step: string;
  created: number;
  ended: number | null;
  problems: Problem[];
  forms: string[];
}

export interface Deciding {
  input: string;
  /** What the input is in words. */
  words: string;
  share: number;
  evidence: string;
}

export interface Card {
  name: string;
  value: string;
  detail: string;
  variable: string;
  at: Record<string, string>;
  number: number | null;
  range: string;
  span: { low: number | null; high: number | null } | null;
  evidence: string;
  decided: Deciding[];
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Option = Record<string, any>;

export interface ChartData {
  id: string;
  heading: string;
  option: Option;
  caption: string;
  columns: string[];
  rows: string[][];
  figures: string;
}

/** A phase of a site, whose date can be dragged. */
export interface Phase {
  path: string;
  site: string;
  phase: string;
  power: string;
  mw: number;
  day: string;
  /** Its place on the horizon, 0 to 1. */
  at: number;
  moved: number;
}

export interface Claim {
  id: string;
  says: string;
  verdict: string;
  mark: string;
  because: string;
  source: string;
  futures: string;
}

export interface Problem {
  severity: string;
  file: string;
  line: number;
  column: number;
  path: string;
  message: string;
  value: string;
  allowed: string;
  nearest: string;
  remedy: string;
  text: string;
}

export interface Answer {
  id: string;
  members: number;
  stamp: { plan: string; title: string; plan_hash: string; version: string; catalog_vintage: string; members: number };
  sentence: string;
  ranges: string;
  cards: Card[];
  charts: Record<string, ChartData>;
  phases: Phase[];
  claims: Claim[] | null;
  command: string;
  warnings: string[];
  notes: string[];
  other: { title: string; sentence: string; cards: Card[]; command: string } | null;
}

export interface Line {
  path: string;
  value: string;
  unit: string;
  stated: boolean;
}

export interface Input {
  path: string;
  value: number;
  low: number;
  high: number;
  unit: string;
  write: string;
  whole: boolean;
  fact: string;
  evidence: string;
  source: string;
  note: string;
  title: string;
  share: number;
  shift?: boolean;
}

export interface Inputs {
  inputs: Input[];
  lines: Line[];
}

export interface Known {
  plans: { name: string; title: string }[];
  /** Who asks, on a team's server. */
  me: { name: string; role: string } | null;
  night: Record<string, string>;
  /** Names as people write them. */
  titles: Record<string, string>;
  region: string[];
  model: string[];
  generation: string[];
}

export interface FactRow {
  path: string;
  value: string;
  unit: string;
  evidence: string;
  fact: string;
  low: number | null;
  high: number | null;
  source: string;
  url: string;
  date: string;
  note: string;
}

export interface Explained {
  quantity: string;
  unit: string;
  meaning: string;
  formula: string;
  is: string;
  evidence: string;
  figures: { at: Record<string, string>; text: string; date: string }[];
  decided: Deciding[];
  facts: FactRow[];
  more_facts: number;
  inputs: Explained[];
  command?: string;
}

export interface Compared {
  differences: {
    name: string;
    unit: string;
    a: number | string | null;
    b: number | string | null;
    change: number | null;
    score: number;
    causes: { group: string; value: number | string | null; effect: number | null }[];
  }[];
  groups: string[];
  not_attributed: string;
}

/** One point of the map: a site, or all sites of a region whose places aren't known. */
export interface Spot {
  name: string;
  region: string;
  sites: string[];
  latitude: number;
  longitude: number;
  exact: boolean;
  source: string;
  steps: [number, number[]][];
}

export interface Places {
  id: string;
  states: { name: string; color: string }[];
  edges: string[];
  spots: Spot[];
  unit: string;
  most: number;
  views: Record<string, [number, number, number, number]>;
  caption: string;
}

/** What a lender, or the developer of a site, looks at. */
export interface Framed {
  id: string;
  members: number;
  sentence: string;
  groups: { heading: string; cards: Card[] }[];
  charts: ChartData[];
  site: string;
  sites: Named[];
}

export interface Named {
  name: string;
  title: string;
}

export interface Workable {
  models: Named[];
  systems: Named[];
  engines: Named[];
  serving_precisions: string[];
  training_precisions: string[];
}

export interface Serving {
  question: string;
  cards: { name: string; value: string; detail: string; layout: string; trust: string }[];
  charts: ChartData[];
  notes: string[];
  command: string;
}

export interface Training {
  question: string;
  rows: [string, string][];
  charts: ChartData[];
  command: string;
}
