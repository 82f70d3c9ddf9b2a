// Calls of Raven's HTTP API, with the key that the session holds.

import { Problem } from './problem.js';
import { secret, lock } from './session.js';

const base = new URL('../api/v1/', import.meta.url);

/** path joins segments into a path, each of them encoded. */
export const path = (...segments) => segments.map(encodeURIComponent).join('/');

/**
 * call makes a request and gives {data, etag, text}. It throws a Problem, or the
 * signal's AbortError. A key that is no longer accepted locks the console.
 */
async function call(method, where, { body, query, ifMatch, signal, key = secret() } = {}) {
  const url = new URL(where, base);
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== null && value !== undefined && value !== '') url.searchParams.set(name, value);
  }
  const headers = { Authorization: `Bearer ${key}` };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (ifMatch) headers['If-Match'] = ifMatch;
  const answer = await send(url, {
    method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body),
    mode: 'same-origin', credentials: 'omit', cache: 'no-store', redirect: 'error', referrerPolicy: 'no-referrer',
  });
  const text = await answer.text();
  if (!answer.ok) throw refusal(answer, text, key);
  const json = answer.headers.get('Content-Type')?.startsWith('application/json');
  return { data: json ? JSON.parse(text) : null, text, etag: answer.headers.get('ETag') };
}

async function send(url, request) {
  try {
    return await fetch(url, request);
  } catch (failure) {
    if (failure.name === 'AbortError') throw failure;
    throw new Problem(0, { code: 'unreachable' });
  }
}

function refusal(answer, text, key) {
  let body = {};
  try {
    body = JSON.parse(text);
  } catch { /* a proxy's page: the status has to do */ }
  body.code ??= { 401: 'unauthenticated', 429: 'rate_limited', 502: 'unavailable', 503: 'unavailable', 504: 'unavailable' }[answer.status];
  const problem = new Problem(answer.status, body, answer.headers);
  if (answer.status === 401 && key === secret()) lock('The API key you were signed in with is no longer accepted: it expired or was revoked.');
  return problem;
}

export const get = (where, options) => call('GET', where, options);
export const post = (where, body = {}, options = {}) => call('POST', where, { ...options, body });
export const patch = (where, body, options = {}) => call('PATCH', where, { ...options, body });
export const remove = (where, options) => call('DELETE', where, options);

/** all reads a list page by page, at most that many items; whole says whether that was all. */
export async function all(where, { query, most = 1000, signal } = {}) {
  const items = [];
  let cursor = null;
  do {
    const { data } = await get(where, { query: { limit: 100, ...query, cursor }, signal });
    items.push(...data.data);
    cursor = data.next_cursor;
  } while (cursor && items.length < most);
  return { items, whole: cursor === null };
}
