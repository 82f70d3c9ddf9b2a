// A conversation as it was held, each interaction with where it is stored.

import { el, untrusted, time, icon } from '../dom.js';
import { heading, button, chip, confirm, needs, say } from '../ui.js';
import { get, post, patch, remove, path } from '../api.js';
import { may } from '../session.js';
import { go, here } from '../router.js';
import { plural, number } from '../format.js';
import { userHash } from './users.js';
import { titleOf, status, metadata } from './user.js';

const pageSize = 50;
const longText = 1200; // characters that are shown at first

export async function conversation({ params, signal, again }) {
  const where = path('users', params.user, 'conversations', params.conversation);
  const order = here().query.get('order') === 'desc' ? 'desc' : 'asc';
  const [{ data: c }, thread] = await Promise.all([get(where, { signal }), list(where, order, signal)]);
  return [
    el('a', { class: 'back', href: userHash(params.user) }, icon('back'), 'Conversations'),
    heading(untrusted(titleOf(c)), el('span', null, status(c), ` ${plural(c.interaction_count, 'interaction')} · started `, time(c.created_at)), actions(where, c, params.user, again)),
    metadata(c.metadata), needs('Deleting an interaction', 'memory:write'), bar(params, order, c), thread,
  ];
}

function bar(params, order, c) {
  const hash = userHash(params.user, 'conversations', params.conversation);
  return c.interaction_count > 1 && el('nav', { class: 'tabs small', 'aria-label': 'Order' },
    el('a', { href: hash, 'aria-current': order === 'asc' ? 'true' : null }, 'Oldest first'),
    el('a', { href: `${hash}?order=desc`, 'aria-current': order === 'desc' ? 'true' : null }, 'Newest first'));
}

function actions(where, c, user, again) {
  return [
    c.status === 'open' && may('memory:write') && button('Seal now', async () => {
      const { data } = await post(`${where}/flush`);
      say(data.flushed_blob_ids.length > 0 ? `Sealed into ${plural(data.flushed_blob_ids.length, 'blob')}.` : 'Nothing was buffered.');
      await again();
    }),
    c.status === 'open' && may('conversations:write') && button('Close', async () => {
      if (await confirm('Close this conversation?', 'What is buffered is sealed. It stays readable, and takes no more interactions.', 'Close conversation', () => patch(where, { status: 'closed' }))) await again();
    }),
    may('conversations:write') && button('Delete', async () => {
      const done = await confirm('Delete this conversation?', 'It goes at once, with its memory and the facts that rest on nothing else. This can’t be undone.', 'Delete conversation', () => remove(where));
      if (done) {
        say('The conversation is deleted.');
        go(userHash(user));
      }
    }, { kind: 'quiet danger' }),
  ];
}

/** list is the thread; more is appended on demand. */
async function list(where, order, signal) {
  const thread = el('ol', { class: 'thread' });
  const rest = el('div', { class: 'pages' });
  let cursor = null;
  let lastDay = '';
  async function more() {
    const { data } = await get(`${where}/memory`, { query: { limit: pageSize, order, cursor }, signal });
    const first = thread.childElementCount;
    for (const interaction of data.data) {
      const day = new Date(interaction.occurred_at).toDateString();
      thread.append(turn(where, interaction, day === lastDay ? null : day));
      lastDay = day;
    }
    cursor = data.next_cursor;
    rest.replaceChildren(cursor ? button('Show more', more) : '');
    if (first > 0) thread.children[first]?.focus();
  }
  await more();
  return thread.childElementCount > 0 ? [thread, rest] : el('p', { class: 'empty' }, 'Nothing was said yet.');
}

function turn(where, i, newDay) {
  const item = el('li', { class: `turn ${i.role}`, tabindex: '-1' },
    newDay && el('p', { class: 'day' }, time(i.occurred_at, { dateStyle: 'full' })),
    el('article', null,
      el('header', null,
        el('span', { class: 'who' }, i.name === null ? roles[i.role] : [untrusted(i.name), el('span', { class: 'note' }, roles[i.role])]),
        time(i.occurred_at, { timeStyle: 'short' }), stored(i),
        may('memory:write') && button('Delete', () => forget(where, i, item), { kind: 'quiet danger small', name: `Delete the interaction of ${new Date(i.occurred_at).toLocaleString('en-GB')}` })),
      content(i.content), metadata(i.metadata)));
  return item;
}

const roles = { user: 'User', assistant: 'Assistant', system: 'System', tool: 'Tool' };

const stored = (i) => (i.blob_id === null
  ? chip('Buffered', 'warn', 'clock', 'Encrypted on its own; it goes into a blob with the others when the buffer is full, closed or idle')
  : chip('Sealed', 'good', 'lock', `In ${i.blob_id}`));

/** content shows a text, of a long one the beginning first. */
export function content(text) {
  if (text.length <= longText) return untrusted(text, 'div', 'content');
  const box = untrusted(`${text.slice(0, longText).toWellFormed()} …`, 'div', 'content');
  const all = button(`Show all ${number(text.length)} characters`, async () => {
    const whole = untrusted(text, 'div', 'content');
    whole.tabIndex = -1;
    holder.replaceChildren(whole);
    whole.focus();
  }, { kind: 'quiet small' });
  const holder = el('div', null, box, all);
  return holder;
}

async function forget(where, i, item) {
  const done = await confirm('Delete this interaction?',
    el('span', null, 'It goes from buffer, blob and index at once, with the facts that rest on it alone. This can’t be undone.', el('span', { class: 'quote' }, untrusted(i.content.slice(0, 140).toWellFormed()), i.content.length > 140 && ' …')),
    'Delete interaction', () => remove(`${where}/memory/${encodeURIComponent(i.id)}`));
  if (!done) return;
  const next = item.nextElementSibling ?? item.previousElementSibling;
  item.remove();
  say('The interaction is deleted.');
  (next ?? document.querySelector('h1')).focus();
}
