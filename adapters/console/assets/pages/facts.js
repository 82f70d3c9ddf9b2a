// What is held true of a user, and what was before.

import { el, untrusted, time } from '../dom.js';
import { section, button, chip, confirm, details, dialog, field, form, needs, say } from '../ui.js';
import { all, post, patch, remove, path } from '../api.js';
import { may } from '../session.js';
import { instant, plural } from '../format.js';
import { userHead } from './user.js';
import { userHash } from './users.js';

const most = 1000;

export async function facts({ params, signal, again }) {
  const where = path('users', params.user, 'facts');
  const [head, { items, whole }] = await Promise.all([
    userHead(params.user, 'Facts', signal), all(where, { query: { include: 'superseded' }, most, signal }),
  ]);
  const chains = histories(items);
  const draw = (list) => el('ul', { class: 'facts' }, list.map((chain) => card(params.user, where, chain, again)));
  const now = Date.now();
  const begun = (f) => Date.parse(f.valid_from) <= now;
  const holds = ([f]) => f.valid_to === null || Date.parse(f.valid_to) > now;
  const coming = items.filter((f) => !begun(f)).map((f) => [f]);
  const known = chains.map((c) => c.filter(begun)).filter((c) => c.length > 0);
  const current = known.filter(holds);
  const ended = known.filter((c) => !holds(c));
  return [
    head.node,
    section('What holds', { lead: `${plural(current.length, 'fact')}, found in what was said or stated by an agent.${whole ? '' : ` Only the first ${most} are shown.`}`, actions: may('memory:write') && button('State a fact', () => state(where, again)) },
      needs('Stating, correcting and forgetting', 'memory:write'),
      current.length > 0 ? draw(current.reverse()) : el('p', { class: 'empty' }, 'Nothing is held true of this user yet.')),
    coming.length > 0 && section('What will hold', {}, draw(coming)),
    ended.length > 0 && section('What holds no more', {}, draw(ended.reverse())),
  ];
}

/** histories gives, for each fact that nothing superseded, it and those before it, newest first. */
function histories(items) {
  const ids = new Set(items.map((f) => f.id));
  const before = Map.groupBy(items.filter((f) => ids.has(f.superseded_by)), (f) => f.superseded_by);
  const chain = (f) => [f, ...(before.get(f.id) ?? []).sort((a, b) => (a.valid_from < b.valid_from ? 1 : -1)).flatMap(chain)];
  return items.filter((f) => !ids.has(f.superseded_by)).map(chain);
}

function card(user, where, [f, ...earlier], again) {
  return el('li', { class: 'fact' },
    el('div', { class: 'fact-text' }, untrusted(f.text, 'p', 'content'), parts(f)),
    el('p', { class: 'note' }, span(f), sources(user, f)),
    earlier.length > 0 && details(`History: ${plural(earlier.length, 'earlier version')}`, el('ol', { class: 'history' }, earlier.map((old) => el('li', null,
      untrusted(old.text, 'span', 'content'), el('span', { class: 'note' }, span(old), sources(user, old)))))),
    may('memory:write') && el('div', { class: 'actions' },
      button('Correct', () => correct(where, f, again), { kind: 'small', name: `Correct: ${f.text.slice(0, 80).toWellFormed()}` }),
      button('Forget', () => forget(where, f, again), { kind: 'quiet danger small', name: `Forget: ${f.text.slice(0, 80).toWellFormed()}` })));
}

const parts = (f) => f.attribute !== null && el('p', { class: 'triple' },
  [f.subject, f.attribute, f.value ?? ''].map((part) => chip(untrusted(part))));

const span = (f) => [Date.parse(f.valid_from) > Date.now() ? 'From ' : 'Since ', time(f.valid_from, { dateStyle: 'medium' }), f.valid_to && [' until ', time(f.valid_to, { dateStyle: 'medium' })]];

function sources(user, f) {
  const talks = [...new Set(f.sources.map((s) => s.conversation_id).filter(Boolean))];
  if (talks.length === 0) return ' · stated directly';
  return [' · from ', talks.map((id, i) => [i > 0 && ', ', el('a', { href: userHash(user, 'conversations', id) }, talks.length > 1 ? `conversation ${i + 1}` : 'a conversation')])];
}

async function state(where, again) {
  await dialog('State a fact', (close) => {
    const text = el('textarea', { name: 'text', rows: 3, required: true, maxlength: 2000 });
    const since = el('input', { type: 'datetime-local', name: 'valid_from' });
    return form({
      label: 'State a fact', submit: 'State', cancel: close,
      action: async () => {
        await post(where, { text: text.value, ...(since.value && { valid_from: instant(since.value) }) });
        close();
        say('The fact is stated.');
        await again();
      },
    }, field('Fact', text, 'One sentence, as the user would say it: “I live in Lisbon.” One on the same matter takes the place of what was held before.'),
    field('Holds since', since, 'Your time zone. Empty: from now on.'));
  });
}

async function correct(where, f, again) {
  await dialog('Correct a fact', (close) => {
    const text = el('textarea', { name: 'text', rows: 3, required: true, maxlength: 2000, value: f.text });
    const until = el('input', { type: 'datetime-local', name: 'valid_to' });
    return form({
      label: 'Correct a fact', submit: 'Save', cancel: close,
      action: async () => {
        await patch(`${where}/${encodeURIComponent(f.id)}`, { text: text.value, ...(until.value && { valid_to: instant(until.value) }) });
        close();
        say('The fact is corrected.');
        await again();
      },
    }, field('Fact', text, 'A correction changes this fact in place. If the world changed, state a new fact instead: the old one stays as history.'),
    field('Held until', until, 'Your time zone. Empty: as it is now.'));
  });
}

async function forget(where, f, again) {
  const done = await confirm('Forget this fact?', el('span', null, 'It goes at once and is never recalled again. What was said stays.', el('span', { class: 'quote' }, untrusted(f.text))),
    'Forget fact', () => remove(`${where}/${encodeURIComponent(f.id)}`));
  if (done) {
    say('The fact is forgotten.');
    await again();
  }
}
