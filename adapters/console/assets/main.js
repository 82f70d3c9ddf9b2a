// The frame around the pages: who is signed in, where one can go, signing out.

import { el, icon, code, untrusted } from './dom.js';
import { button, say, form, field } from './ui.js';
import { get } from './api.js';
import * as session from './session.js';
import { route, show, here, leave } from './router.js';
import { overview } from './pages/overview.js';
import { users } from './pages/users.js';
import { user } from './pages/user.js';
import { conversation } from './pages/conversation.js';
import { facts } from './pages/facts.js';
import { recall } from './pages/recall.js';
import { keys } from './pages/keys.js';
import { audit } from './pages/audit.js';
import { settings } from './pages/settings.js';
import { encryption } from './pages/encryption.js';
import { webhook } from './pages/webhook.js';
import { danger } from './pages/danger.js';

route('/', 'Overview', [], overview);
route('/users', 'Users', [], users);
route('/users/:user', 'User', ['conversations:read'], user);
route('/users/:user/conversations/:conversation', 'Conversation', ['memory:read', 'conversations:read'], conversation);
route('/users/:user/facts', 'Facts', ['memory:read'], facts);
route('/users/:user/recall', 'Recall', ['memory:read'], recall);
route('/keys', 'API keys', ['tenant:read'], keys);
route('/audit', 'Audit', ['tenant:admin'], audit);
route('/settings', 'Settings', ['tenant:read'], settings);
route('/encryption', 'Encryption', ['tenant:read'], encryption);
route('/webhook', 'Webhook', ['tenant:admin'], webhook);
route('/danger', 'Delete tenant', ['tenant:admin', 'tenant:read'], danger);

const places = [
  ['/', 'Overview', 'overview', []],
  ['/users', 'Users', 'users', []],
  ['/keys', 'API keys', 'key', ['tenant:read']],
  ['/audit', 'Audit', 'audit', ['tenant:admin']],
  ['/settings', 'Settings', 'settings', ['tenant:read']],
  ['/encryption', 'Encryption', 'encryption', ['tenant:read']],
  ['/webhook', 'Webhook', 'webhook', ['tenant:admin']],
  ['/danger', 'Delete tenant', 'danger', ['tenant:admin', 'tenant:read']],
];

const allScopes = ['memory:read', 'memory:write', 'users:read', 'users:write', 'conversations:read', 'conversations:write', 'tenant:read', 'tenant:admin'];

const app = document.getElementById('app');
const main = el('main', { id: 'main', tabindex: '-1' });

const brand = (level) => el(level, { class: 'brand' }, el('img', { src: new URL('icon.svg', import.meta.url), alt: '', width: 28, height: 28 }), 'Raven');

function links() {
  const { path } = here();
  return el('ul', null, places.filter(([, , , scopes]) => session.may(...scopes)).map(([to, text, picture]) => {
    const on = to === '/' ? path === '/' : path.startsWith(to);
    return el('li', null, el('a', { href: `#${to}`, 'aria-current': on ? 'page' : null }, icon(picture), text));
  }));
}

function whoami() {
  const missing = allScopes.filter((s) => !session.may(s));
  return el('div', { class: 'whoami' },
    session.tenant() && el('p', null, untrusted(session.tenant().name, 'strong')),
    el('p', { class: 'note' }, untrusted(session.current().name), ' ', code(session.current().prefix), session.current().environment === 'test' ? ' test key' : ''),
    missing.length > 0 && el('details', { class: 'note' }, el('summary', null, 'What this key can’t do'),
      el('p', null, 'It lacks ', missing.map((s, i) => [i > 0 && ', ', code(s)]), '. What needs these is left out.')),
    button('Sign out', () => session.lock('You are signed out.'), { iconName: 'lock' }));
}

function frame() {
  const menu = el('nav', { id: 'menu', 'aria-label': 'Pages' });
  const toggle = el('button', { type: 'button', class: 'menu-toggle', 'aria-expanded': 'false', 'aria-controls': 'menu-panel' }, icon('menu'), el('span', null, 'Menu'));
  const panel = el('div', { class: 'menu-panel', id: 'menu-panel' }, menu, whoami());
  const open = (on) => { toggle.setAttribute('aria-expanded', String(on)); panel.classList.toggle('open', on); };
  toggle.addEventListener('click', () => open(toggle.getAttribute('aria-expanded') !== 'true'));
  menu.addEventListener('click', (event) => { if (event.target.closest('a')) open(false); });
  panel.addEventListener('keydown', (event) => { if (event.key === 'Escape') { open(false); toggle.focus(); } });
  const side = el('header', { class: 'side' }, el('div', { class: 'side-inner' }, el('div', { class: 'side-top' }, brand('p'), toggle), panel));
  return { node: el('div', { class: 'frame' }, side, main), redraw: () => { open(false); menu.replaceChildren(links()); panel.replaceChild(whoami(), panel.lastChild); } };
}

let drawn = null;

function signIn(why) {
  leave();
  drawn = null;
  document.title = 'Sign in · Raven console';
  const input = el('input', { type: 'password', name: 'key', required: true, autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', placeholder: 'rk_live_…' });
  const enter = form({
    label: 'Sign in', submit: 'Sign in',
    action: async () => { await unlock(input.value.trim()); },
  }, field('API key', input, 'It stays in this page’s memory: nothing is stored, and a reload or 15 minutes without use forget it.'));
  app.replaceChildren(el('main', { id: 'main', class: 'gate', tabindex: '-1' },
    el('div', { class: 'card' }, brand('p'), el('h1', null, 'Sign in'),
      why && el('p', { class: 'why', role: 'status' }, why), enter,
      el('p', { class: 'note' }, 'No key yet? ', el('a', { href: new URL('../docs', import.meta.url) }, 'The documentation'), ' shows how to register a tenant; the answer holds its first key.'))));
  input.focus();
}

async function unlock(key) {
  const { Problem } = await import('./problem.js');
  if (!/^rk_(live|test)_[0-9A-Za-z]{8}_[0-9A-Za-z]{49}$/.test(key)) {
    throw new Problem(401, { code: 'unauthenticated' });
  }
  const { data: record } = await get('tenant/keys/current', { key });
  const tenant = record.scopes.includes('tenant:read') ? (await get('tenant', { key })).data : null;
  session.open(key, { key: record, tenant });
}

function render(focus = true) {
  if (!drawn) {
    drawn = frame();
    app.replaceChildren(drawn.node);
  }
  drawn.redraw();
  return show(main, { focus });
}

session.onChange((why) => (session.signedIn() ? render() : signIn(why)));
session.onUpdate(() => drawn?.redraw());
session.onWarn((on) => (on ? say('The console locks in a minute. Press a key or click to stay signed in.') : document.getElementById('status').replaceChildren()));
addEventListener('hashchange', () => { if (session.signedIn()) render(); });
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault(); // the address names the page
  document.getElementById('main').focus();
});
signIn(null);
