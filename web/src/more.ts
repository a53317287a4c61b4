/** Questions of what opens with a click: jobs, and the plans of a team's server. */
import { ask, read, save } from './api';
import type { Job, Plan, Stored, Version } from './types';

export interface Posted {
  verb: string;
  request: Record<string, unknown>;
}

export const begin = async (posted: Posted) => read<Job>(await ask('/api/jobs', posted));
export const question = async (job: string) => read<Posted>(await ask(`/api/jobs/${job}/question`, undefined));
export const act = (job: string, what: 'cancel' | 'resume') => ask(`/api/jobs/${job}/${what}`, undefined, undefined, 'POST');
export const forget = (job: string) => ask(`/api/jobs/${job}`, undefined, undefined, 'DELETE');

/** Opens the page of a job in a tab of its own, by a link that works once. */
export async function openPage(job: string): Promise<void> {
  const { path } = await read<{ path: string }>(await ask(`/api/jobs/${job}/page`, undefined, undefined, 'POST'));
  window.open(path, '_blank', 'noopener');
}

export async function saveAnswer(job: Job, form: string): Promise<void> {
  const response = await ask(`/api/jobs/${job.id}/result?form=${form}`, undefined);
  save(URL.createObjectURL(await response.blob()), `gigaplan-${job.verb}.${form}`);
}

export const stored = async () => (await read<{ plans: Stored[] }>(await ask('/api/stored', undefined))).plans;
export const opened = async (id: string, version?: number) =>
  read<Stored>(await ask(`/api/stored/${id}${version ? `?version=${version}` : ''}`, undefined));
export const keep = async (title: string, plan: Plan, note: string) =>
  read<Stored>(await ask('/api/stored', { title, plan, note }));
export const change = async (id: string, version: number, title: string, plan: Plan, note: string) =>
  read<Stored>(await ask(`/api/stored/${id}`, { title, plan, note, version }, undefined, 'PUT'));
export const share = (id: string, shared: string) => ask(`/api/stored/${id}/shared`, { shared }, undefined, 'PUT');
export const shareWith = (id: string, name: string, access: string) =>
  ask(`/api/stored/${id}/users/${encodeURIComponent(name)}`, { access }, undefined, 'PUT');
export const remove = (id: string) => ask(`/api/stored/${id}`, undefined, undefined, 'DELETE');
export const history = async (id: string) =>
  (await read<{ versions: Version[] }>(await ask(`/api/stored/${id}/history`, undefined))).versions;
