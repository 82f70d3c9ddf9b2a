// What happened, by whom; and holding the log against its signed checkpoint.

import { el, code, time, untrusted } from '../dom.js';
import { heading, section, button, chip, choice, copyButton, details, field, form, pager, table } from '../ui.js';
import { get } from '../api.js';
import { tenant } from '../session.js';
import { go, here } from '../router.js';
import { instant, number, plural } from '../format.js';
import { phrase, actor, keyNames } from '../events.js';
import { Problem } from '../problem.js';
import { pair } from './user.js';
import { parseNote, verify } from '../verify.js';

const types = ['tenant.created', 'tenant.deleted', 'tenant.suspended', 'tenant.resumed', 'settings.updated', 'key.created', 'key.rotated', 'key.revoked', 'user.created', 'user.updated', 'user.deleted',
  'conversation.created', 'conversation.updated', 'conversation.closed', 'memory.flushed', 'memory.expired', 'memory.deleted', 'memory.read', 'fact.created', 'fact.updated', 'fact.superseded',
  'quota.exhausted', 'encryption.rotated', 'encryption.key_unavailable', 'auth.failed'];

const most = 20_000; // events that a page verifies; for more there is the command

export async function audit({ signal }) {
  const filters = Object.fromEntries(here().query);
  const names = await keyNames(signal);
  const [list, note] = await Promise.all([
    pager('Pages of events', async (cursor) => (await get('tenant/audit', { query: { limit: 25, ...filters, cursor }, signal })).data, rows(names)), checkpoint(signal),
  ]);
  const actors = [...names].map(([id, name]) => [id, `${name} (…${id.slice(-6)})`]);
  return [
    heading('Audit', 'Every change and every refused use of a key; ids and counts, never content.'),
    section('Verification', { lead: 'Raven signs the size and the root of a hash tree over all events. What is changed, cut or put in later does not fit what was signed.' }, verification(note, signal)),
    section('Events', { lead: 'Newest first.' }, filter(filters, actors), list),
  ];
}

function filter(now, actors) {
  const local = (t) => (t ? new Date(new Date(t) - new Date(t).getTimezoneOffset() * 60_000).toISOString().slice(0, 16) : '');
  const since = el('input', { type: 'datetime-local', name: 'since', value: local(now.since) });
  const until = el('input', { type: 'datetime-local', name: 'until', value: local(now.until) });
  const action = choice('action', [['', 'All'], ...types.map((t) => [t, t])], now.action ?? '');
  const who = choice('actor', [['', 'Anybody'], ['system', 'Raven itself'], ...actors], now.actor ?? '');
  return form({
    className: 'inline', label: 'Filter events', submit: 'Filter', kind: '',
    action: async () => {
      const wanted = new URLSearchParams();
      for (const [name, value] of [['since', instant(since.value)], ['until', instant(until.value)], ['action', action.value], ['actor', who.value]]) if (value) wanted.set(name, value);
      go(`#/audit${wanted.size > 0 ? `?${wanted}` : ''}`);
    },
  }, field('Since', since), field('Until', until), field('Event', action), field('Caused by', who));
}

const rows = (names) => (events) => {
  return table('Audit events', ['Event', 'When', 'By', 'Number'], events.map((e) => [
    el('span', { class: 'stack' }, el('span', null, phrase(e, names)), details(e.type, untrusted(JSON.stringify(e.data, null, 2), 'pre'))),
    time(e.timestamp, { dateStyle: 'medium', timeStyle: 'medium' }), actor(e, names), number(e.seq),
  ]), 'No event fits.');
};

/** checkpoint is the latest signed note; null before the first. */
async function checkpoint(signal) {
  try {
    return (await get('tenant/audit/checkpoint', { signal })).text;
  } catch (failure) {
    if (failure instanceof Problem && failure.status === 404) return null;
    throw failure;
  }
}

function verification(note, signal) {
  if (note === null) return el('p', { class: 'empty' }, 'There is no checkpoint yet. The first one is signed within a minute of the first event, or after a thousand events.');
  const stated = parseNote(note);
  const result = el('div', { 'aria-live': 'polite' });
  const bar = el('progress', { max: stated.size, value: 0, hidden: true, 'aria-label': 'Events read' });
  const kept = el('textarea', { name: 'kept', rows: 5, spellcheck: 'false', class: 'secret' });
  const key = el('input', { name: 'key', spellcheck: 'false', class: 'secret', placeholder: 'raven/…+…+…' });
  return [
    el('dl', { class: 'pairs' }, pair('Signed', plural(stated.size, 'event')), pair('Root', code(stated.root))),
    el('div', { class: 'actions' },
      button('Verify the log', () => run({ note, kept: kept.value, key: key.value, stated, bar, result, signal }), { kind: 'primary' }), copyButton(note, 'Copy checkpoint')),
    bar, result,
    details('Hold it against more', el('dl', { class: 'pairs' }, pair('Log', code(stated.origin)), pair('Signed by', code(stated.signer))), field('A checkpoint that you kept', kept, 'As it was copied here or answered by the API. Then a log that was written anew since is seen too.'),
      field('The deployment’s public key', key, el('span', null, 'As ', code('raven audit pubkey'), ' prints it. Then the signatures are verified as well.'))),
    el('p', { class: 'note' }, 'This page verifies what the API shows it. The operator verifies what is stored, without trusting the server: ',
      code(`raven audit verify --tenant ${tenant()?.id ?? 'ID'} --checkpoint FILE`)),
  ];
}

async function run({ note, kept, key, stated, bar, result, signal }) {
  result.replaceChildren();
  if (!globalThis.crypto?.subtle) return verdict(result, false, 'This browser computes hashes on https:// and localhost only. Use the command below.');
  if (stated.size > most) return verdict(result, false, `The log has more than ${number(most)} events; verify it by the command below.`);
  bar.hidden = false;
  try {
    const done = await verify({ notes: [note, ...(kept.trim() ? [kept] : [])], key: key.trim(), signal, progress: (n) => { bar.value = n; } });
    verdict(result, true, [`All ${plural(done.size, 'event')} that were signed are as they were: the root computed from them is the one in ${done.notes > 1 ? 'both checkpoints' : 'the checkpoint'}.`,
      done.signed ? ' The signatures verify.' : ' The signature was not checked: give the public key below.',
      done.later > 0 && ` ${plural(done.later, 'later event')} ${done.later === 1 ? 'is' : 'are'} not signed yet.`]);
  } catch (failure) {
    if (failure.name === 'AbortError' || failure instanceof Problem) throw failure;
    verdict(result, false, failure.message);
  } finally {
    bar.hidden = true;
  }
}

const verdict = (place, good, text) => place.replaceChildren(el('p', { class: `verdict ${good ? 'good' : 'bad'}` }, chip(good ? 'Verified' : 'Not verified', good ? 'good' : 'bad', good ? 'check' : null), ' ', text));
