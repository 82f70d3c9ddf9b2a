// A user: who it is, its conversations, and ways to its facts and to recall.

import { el, untrusted, code, time, icon } from '../dom.js';
import { heading, section, button, chip, confirm, needs, pager, table, details, say } from '../ui.js';
import { get, remove, path } from '../api.js';
import { may } from '../session.js';
import { go } from '../router.js';
import { number } from '../format.js';
import { userHash, nameOf } from './users.js';

/** userHead is the top of every page about a user. */
export async function userHead(id, on, signal) {
  const user = may('users:read') ? (await get(path('users', id), { signal })).data : { id, display_name: null, external_ref: null };
  const tabs = [['Conversations', userHash(id), 'conversations:read'], ['Facts', userHash(id, 'facts'), 'memory:read'], ['Recall', userHash(id, 'recall'), 'memory:read']];
  return {
    user,
    node: [
      el('a', { class: 'back', href: '#/users' }, icon('back'), 'Users'),
      heading(untrusted(nameOf(user)), el('span', null, user.external_ref !== null && ['Reference ', untrusted(user.external_ref, 'bdi', 'ref'), ' · '], code(user.id)),
        on === 'Conversations' && may('users:write') && button('Delete user', () => deleteUser(user), { kind: 'quiet danger' })),
      el('nav', { class: 'tabs', 'aria-label': 'About this user' }, tabs.filter(([, , scope]) => may(scope)).map(([text, hash]) => el('a', { href: hash, 'aria-current': text === on ? 'page' : null }, text))),
    ],
  };
}

export async function user({ params, signal }) {
  const where = path('users', params.user, 'conversations');
  const [head, list] = await Promise.all([
    userHead(params.user, 'Conversations', signal),
    pager('Pages of conversations', async (cursor) => (await get(where, { query: { limit: 25, cursor }, signal })).data, (page) => rows(params.user, page)),
  ]);
  return [head.node, section('Conversations', { lead: 'In the order in which they were started.' }, list), profile(head.user)];
}

function rows(id, list) {
  return table('Conversations', ['Conversation', 'State', 'Interactions', 'Started', 'Last change'], list.map((c) => [
    may('memory:read') ? el('a', { href: userHash(id, 'conversations', c.id) }, untrusted(titleOf(c))) : untrusted(titleOf(c)),
    status(c), number(c.interaction_count), time(c.created_at), time(c.updated_at),
  ]), 'There are no conversations yet.');
}

/** status is whether a conversation goes on. */
export const status = (c) => (c.status === 'open' ? chip('Open', 'good') : chip('Closed'));

/** titleOf is what a conversation is called. */
export const titleOf = (c) => c.title ?? c.external_ref ?? c.id;

function profile(u) {
  if (!may('users:read')) return section('About', {}, needs('Name, reference and metadata', 'users:read'));
  return section('About', {}, el('dl', { class: 'pairs' },
    pair('Display name', u.display_name === null ? '–' : untrusted(u.display_name)),
    pair('External reference', u.external_ref === null ? '–' : untrusted(u.external_ref)),
    pair('Id', code(u.id)), pair('Created', time(u.created_at)), pair('Changed', time(u.updated_at))),
  metadata(u.metadata));
}

/** pair is a name and a value in a description list. */
export const pair = (name, value) => el('div', null, el('dt', null, name), el('dd', null, value));

/** metadata shows an object of the caller's; null when it is empty. */
export function metadata(object) {
  return Object.keys(object ?? {}).length > 0 && details('Metadata', untrusted(JSON.stringify(object, null, 2), 'pre'));
}

async function deleteUser(u) {
  const done = await confirm('Delete this user?', el('span', null, 'Every conversation, blob, fact and buffer of ', untrusted(nameOf(u), 'strong'), ' goes at once. This can’t be undone.'), 'Delete user',
    () => remove(path('users', u.id)));
  if (done) {
    say('The user is deleted.');
    go('#/users');
  }
}
