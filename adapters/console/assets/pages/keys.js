// The tenant's API keys: who may do what, until when.

import { el, untrusted, code, time } from '../dom.js';
import { heading, section, button, check, chip, choice, confirm, dialog, field, form, needs, pager, say, secretDialog, table } from '../ui.js';
import { get, post, remove, path } from '../api.js';
import { current, may } from '../session.js';
import { ago } from '../format.js';

const where = 'tenant/keys';
const day = 86400;

/** scopes are all there are, with what they allow. */
export const scopes = [
  ['memory:read', 'Read, search and recall memory and facts'], ['memory:write', 'Store and forget memory and facts'],
  ['users:read', 'Read users'], ['users:write', 'Create, change and delete users'],
  ['conversations:read', 'Read conversations'], ['conversations:write', 'Start, change and delete conversations'],
  ['tenant:read', 'Read settings, usage, encryption and the list of keys'], ['tenant:admin', 'Keys, settings, encryption, audit, webhooks and deletion of the tenant'],
];

const presets = [
  ['full_access', 'Full access', scopes.map(([name]) => name)],
  ['read_only', 'Read only', ['memory:read', 'users:read', 'conversations:read', 'tenant:read']],
  ['agent_only', 'Agent only', ['memory:read', 'memory:write', 'conversations:read', 'conversations:write']],
];

const same = (a, b) => a.length === b.length && a.every((s) => b.includes(s));

export async function keys({ signal, again }) {
  const notice = el('div', { class: 'notice' });
  const list = await pager('Pages of keys', async (cursor) => (await get(where, { query: { limit: 50, cursor }, signal })).data, (data) => rows(data, notice, again));
  return [
    heading('API keys', 'Programs and people sign in with these. A key’s secret is shown once, when it is made; Raven keeps a hash only.',
      may('tenant:admin') && button('Create key', () => create(notice, again), { kind: 'primary' })),
    notice, needs('Creating, rotating and revoking', 'tenant:admin'), section('All keys', {}, list),
  ];
}

function rows(list, notice, again) {
  return table('API keys', ['Key', 'State', 'Scopes', 'Last used', 'Expires', ''], list.map((k) => [
    el('span', { class: 'stack' }, untrusted(k.name, 'strong'), el('span', { class: 'note' }, code(k.prefix), ' …')),
    state(k), scopeChips(k.scopes), k.last_used_at ? el('span', { title: k.last_used_at }, ago(k.last_used_at)) : 'Never',
    k.expires_at ? time(k.expires_at, { dateStyle: 'medium' }) : 'Never', actions(k, notice, again),
  ]));
}

const over = (k) => k.expires_at !== null && new Date(k.expires_at) <= new Date();

function state(k) {
  const word = k.revoked_at ? chip('Revoked', 'bad', null, k.revoked_at) : over(k) ? chip('Expired', 'bad') : chip('Active', 'good');
  return el('span', { class: 'chips' }, word, k.environment === 'test' && chip('Test', 'warn'), k.id === current().id && chip('You', 'accent', null, 'The key you are signed in with'));
}

function scopeChips(list) {
  const preset = presets.find(([, , all]) => same(all, list));
  return preset ? el('span', { title: list.join(' ') }, preset[1]) : el('span', { class: 'scopes' }, list.map((s) => code(s)));
}

function actions(k, notice, again) {
  if (!may('tenant:admin') || k.revoked_at || over(k)) return '';
  return el('span', { class: 'actions' },
    button('Rotate', () => rotate(k, notice, again), { kind: 'small', name: `Rotate the key ${k.prefix}` }),
    button('Revoke', () => revoke(k, again), { kind: 'quiet danger small', name: `Revoke the key ${k.prefix}` }));
}

/** reveal shows a new key's secret; until the page is left it can be seen once more. */
async function reveal(key, notice, again) {
  const show = () => secretDialog('New API key', key.key, 'Copy it now and store it where its program reads it. Raven can’t show it again.');
  if (await show() !== true) {
    notice.replaceChildren(el('div', { class: 'problem calm', role: 'status' }, el('strong', null, 'The new key was not confirmed as stored'),
      el('p', null, 'It is still in this page, until you leave it.'), button('Show it again', async () => { if (await show() === true) { notice.replaceChildren(); await again(); } })));
    return;
  }
  await again();
}

function create(notice, again) {
  return dialog('Create an API key', (close) => {
    const boxes = scopes.map(([name, text]) => check(name, { name: 'scope', value: name, checked: false, disabled: !may(name) }, text));
    const inputs = boxes.map((b) => b.querySelector('input'));
    const tick = (wanted) => { for (const box of inputs) box.checked = !box.disabled && wanted.includes(box.value); };
    const name = el('input', { name: 'name', required: true, maxlength: 200 });
    const expiry = choice('expiry', [['', 'Never'], [7, 'In 7 days'], [30, 'In 30 days'], [90, 'In 90 days'], [365, 'In a year']], '');
    const environment = el('fieldset', { class: 'checks' }, el('legend', null, 'Environment'),
      check('Live', { type: 'radio', name: 'environment', value: 'live', checked: true }), check('Test', { type: 'radio', name: 'environment', value: 'test' }, 'Marked as not for production; the same rights on the same data'));
    const missing = scopes.some(([s]) => !may(s));
    return form({
      label: 'Create an API key', submit: 'Create', cancel: close,
      action: async (elements) => {
        const { data } = await post(where, {
          name: name.value, environment: elements.environment.value, scopes: inputs.filter((b) => b.checked).map((b) => b.value),
          expires_at: expiry.value ? new Date(Date.now() + Number(expiry.value) * day * 1000).toISOString() : null,
        });
        close();
        await reveal(data, notice, again);
      },
    }, field('Name', name, 'What it is for, such as “support agent”.'),
    el('fieldset', { class: 'checks wide' }, el('legend', null, 'Scopes'),
      el('div', { class: 'actions', role: 'group', 'aria-label': 'Presets' }, presets.map(([, text, list]) => el('button', { type: 'button', class: 'small', onclick: () => tick(list) }, text))),
      boxes, missing && el('p', { class: 'note' }, 'A key grants at most what the key you are signed in with has.')),
    el('div', { class: 'row' }, field('Expires', expiry), environment));
  }, { className: 'wide' });
}

function rotate(k, notice, again) {
  return dialog('Rotate this key?', (close) => {
    const grace = choice('grace', [[0, 'At once'], [3600, 'In an hour'], [day, 'In a day'], [7 * day, 'In 7 days'], [30 * day, 'In 30 days']], day);
    return form({
      label: 'Rotate the key', submit: 'Rotate', cancel: close,
      action: async () => {
        const { data } = await post(`${where}/${path(k.id, 'rotate')}`, { grace_seconds: Number(grace.value) });
        close();
        await reveal(data, notice, again);
      },
    }, el('p', null, 'A new key with the name and scopes of ', untrusted(k.name, 'strong'), ' is made.', k.id === current().id && ' You are signed in with this key: sign in with the new one before it ends.'),
    field('The old key ends', grace, 'Until then both work, so that it can be replaced everywhere.'));
  });
}

async function revoke(k, again) {
  const mine = k.id === current().id;
  const done = await confirm('Revoke this key?', el('span', null, untrusted(k.name, 'strong'), ' (', code(k.prefix), ') is refused from now on, everywhere. This can’t be undone.', mine && ' It is the key you are signed in with: you will be signed out.'),
    'Revoke key', () => remove(`${where}/${path(k.id)}`));
  if (done) {
    say('The key is revoked.');
    await again();
  }
}
