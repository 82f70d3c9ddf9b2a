// Pages by the part of the address after #. It holds ids, never a secret.

import { el, code } from './dom.js';
import { heading, problemCard, closeDialogs } from './ui.js';
import { may } from './session.js';

const routes = [];

/** route adds a page: "/users/:user" with a title, the scopes it needs, and who draws it. */
export function route(pattern, title, scopes, draw) {
  const names = [];
  const expression = pattern.replace(/:(\w+)/g, (_, name) => { names.push(name); return '([^/]+)'; });
  routes.push({ expression: new RegExp(`^${expression}$`), names, title, scopes, draw });
}

let shown = null; // aborts what the page on show still loads

/** here is the address's path, with its query apart. */
export function here() {
  const [path, query = ''] = location.hash.replace(/^#/, '').split('?');
  return { path: path || '/', query: new URLSearchParams(query) };
}

/** go opens a page. */
export function go(hash) {
  if (location.hash === hash) dispatchEvent(new HashChangeEvent('hashchange'));
  else location.hash = hash;
}

function find(path) {
  for (const r of routes) {
    const match = r.expression.exec(path);
    if (match) return { ...r, params: Object.fromEntries(r.names.map((n, i) => [n, decode(match[i + 1])])) };
  }
  return null;
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** leave stops what the page on show still does. */
export function leave() {
  shown?.abort();
  shown = null;
  closeDialogs();
}

/** show draws the page of the address into main. */
export async function show(main, { focus = true } = {}) {
  leave();
  const control = new AbortController();
  shown = control;
  const { path, query } = here();
  const page = find(path);
  document.title = `${page?.title ?? 'Not found'} · Raven console`;
  const busy = setTimeout(() => main.replaceChildren(el('p', { class: 'empty', role: 'status' }, 'Loading …')), 250);
  const again = () => show(main);
  const content = await draw(page, { query, signal: control.signal, again });
  clearTimeout(busy);
  if (shown !== control) return;
  main.replaceChildren(...[content].flat(Infinity).filter(Boolean));
  if (!focus) return;
  scrollTo(0, 0);
  main.querySelector('h1')?.focus({ preventScroll: true });
}

async function draw(page, context) {
  if (!page) return [heading('Not found', 'The console has no page at this address.'), el('p', null, el('a', { href: '#/' }, 'To the overview'))];
  const missing = page.scopes.filter((s) => !may(s));
  if (missing.length > 0) return locked(page, missing);
  try {
    return await page.draw({ ...context, params: page.params });
  } catch (failure) {
    if (failure.name === 'AbortError') return [];
    return [heading(page.title), problemCard(failure, context.again)];
  }
}

function locked(page, missing) {
  return [heading(page.title), el('div', { class: 'problem calm' },
    el('strong', null, 'This key can’t open this page'),
    el('p', null, 'It needs ', missing.map((s, i) => [i > 0 && ' and ', code(s)]), ', which the key you signed in with does not have.'))];
}
