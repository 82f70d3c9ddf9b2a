// Finding a user: by reference, or page by page.

import { el, untrusted, code, time } from '../dom.js';
import { heading, section, form, field, needs, pager, table, say } from '../ui.js';
import { get } from '../api.js';
import { may } from '../session.js';
import { go, here } from '../router.js';

/** userHash is the address of a user's page. */
export const userHash = (id, ...rest) => `#/users/${[id, ...rest].map(encodeURIComponent).join('/')}`;

/** nameOf is what a user is called. */
export const nameOf = (user) => user.display_name ?? user.external_ref ?? user.id;

export async function users({ signal }) {
  if (!may('users:read')) return withoutList();
  const ref = here().query.get('ref');
  const list = ref === null ? await everyone(signal) : await found(ref, signal);
  return [heading('Users', 'The people, or whatever else, that this tenant keeps memory of.'), search(ref), list];
}

function search(ref) {
  const input = el('input', { type: 'search', name: 'ref', value: ref ?? '', maxlength: 256 });
  return form({
    className: 'inline', label: 'Find a user', submit: 'Find', kind: '',
    action: async () => go(input.value === '' ? '#/users' : `#/users?ref=${encodeURIComponent(input.value)}`),
  }, field('Your own id of the user (external_ref), exactly', input));
}

async function found(ref, signal) {
  const { data } = await get('users', { query: { external_ref: ref }, signal });
  say(data.data.length === 1 ? 'One user found.' : 'No user found.');
  return section('Found', { actions: el('a', { href: '#/users' }, 'Show all users') },
    data.data.length === 1 ? rows(data.data) : el('p', { class: 'empty' }, 'No user has the reference ', untrusted(ref), '. References are compared exactly.'));
}

async function everyone(signal) {
  const list = await pager('Pages of users', async (cursor) => (await get('users', { query: { limit: 25, cursor }, signal })).data, rows);
  return section('All users', { lead: 'In the order in which they were created.' }, list);
}

function rows(list) {
  return table('Users', ['User', 'External reference', 'Id', 'Created'], list.map((u) => [
    el('a', { href: userHash(u.id) }, untrusted(nameOf(u))), u.external_ref === null ? '–' : untrusted(u.external_ref), code(u.id), time(u.created_at, { dateStyle: 'medium' }),
  ]), 'There are no users yet. An agent creates them on demand.');
}

/** withoutList is for keys that may work on a user that they know, but not list them. */
function withoutList() {
  const input = el('input', { name: 'user', required: true, maxlength: 256 });
  const open = form({
    className: 'inline', label: 'Open a user', submit: 'Open', kind: 'primary',
    action: async () => go(userHash(input.value.startsWith('usr_') ? input.value : `ext:${input.value}`)),
  }, field('User id (usr_…) or external reference', input));
  return [heading('Users'), section('Open a user', {}, needs('Listing users', 'users:read'), open)];
}
