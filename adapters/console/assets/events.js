// Audit events in plain words.

import { el, code, time, untrusted } from './dom.js';
import { get } from './api.js';
import { may } from './session.js';
import { plural } from './format.js';

const phrases = {
  'tenant.created': () => 'Tenant registered',
  'tenant.deleted': () => 'Tenant deleted',
  'tenant.suspended': () => 'Tenant suspended by the operator',
  'tenant.resumed': () => 'Tenant resumed by the operator',
  'settings.updated': () => 'Settings changed',
  'key.created': (d, key) => ['API key ', key(d.key_id), ' created'],
  'key.rotated': (d, key) => ['API key ', key(d.key_id), ' rotated: ', short(d.new_key_id), ' takes its place'],
  'key.revoked': (d, key) => ['API key ', key(d.key_id), ' revoked'],
  'user.created': (d) => ['User ', userLink(d), ' created'],
  'user.updated': (d) => ['User ', userLink(d), ' changed'],
  'user.deleted': (d) => ['User ', short(d.user_id), ' deleted with everything stored of it'],
  'conversation.created': (d) => ['Conversation ', conversationLink(d), ' started'],
  'conversation.updated': (d) => ['Conversation ', conversationLink(d), ' changed'],
  'conversation.closed': (d) => ['Conversation ', conversationLink(d), ' closed'],
  'memory.flushed': (d) => [`${plural(d.interactions ?? 0, 'interaction')} sealed into ${plural(d.blobs ?? 0, 'blob')} of `, conversationLink(d)],
  'memory.expired': (d) => ['Memory of ', userLink(d), ' expired'],
  'memory.deleted': (d) => ['Memory of ', userLink(d), ' deleted'],
  'memory.read': (d) => ['Memory of ', userLink(d), ' read: ', d.kind],
  'fact.created': (d) => ['Fact about ', userLink(d), ' learnt'],
  'fact.updated': (d) => ['Fact about ', userLink(d), ' changed'],
  'fact.superseded': (d) => ['Fact about ', userLink(d), ' superseded by a newer one'],
  'quota.exhausted': (d) => ['Limit reached: ', code(d.quota)],
  'encryption.rotated': (d) => `Data key version ${d.key_version} made`,
  'encryption.key_unavailable': () => 'The tenant’s own key can’t be used',
  'auth.failed': (d) => [`${plural(d.count ?? 1, 'use')} of an API key refused: ${String(d.reason ?? '').replaceAll('_', ' ')}`, d.scope && [' ', code(d.scope)]],
};

/** short shows the end of an id, by which people tell ids apart; all of it on hovering. */
const short = (id) => el('code', { title: id }, String(id).replace(/^([a-z]+_).*(.{6})$/, '$1…$2'));
const link = (hash, id) => el('a', { href: hash }, short(id));
const userLink = (d) => (d.user_id ? link(`#/users/${d.user_id}`, d.user_id) : 'a user');
const conversationLink = (d) => (d.conversation_id ? link(`#/users/${d.user_id}/conversations/${d.conversation_id}`, d.conversation_id) : 'a conversation');

/** keyNames gives the names of API keys by their ids, as far as the key may read them. */
export async function keyNames(signal) {
  if (!may('tenant:read')) return new Map();
  const { data } = await get('tenant/keys', { query: { limit: 100 }, signal });
  return new Map(data.data.map((k) => [k.id, k.name]));
}

const named = (id, names) => (names.has(id) ? el('span', { title: id }, '“', untrusted(names.get(id)), '”') : short(id));

/** phrase says what an event tells. */
export const phrase = (event, names) => (phrases[event.type] ?? (() => untrusted(event.type)))(event.data, (id) => named(id, names));

/** actor is who caused an event. */
export const actor = (event, names) => (event.actor === 'system' ? 'Raven itself' : named(event.actor.key_id, names));

/** eventList is a short list of events. */
export function eventList(events, names) {
  if (events.length === 0) return el('p', { class: 'empty' }, 'Nothing happened yet.');
  return el('ol', { class: 'events' }, events.map((e) => el('li', null,
    el('span', null, phrase(e, names)), el('span', { class: 'note' }, actor(e, names), ' · ', time(e.timestamp)))));
}
