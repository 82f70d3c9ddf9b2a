// What the tenant uses, how much goes on, and what happened last.

import { el, code } from '../dom.js';
import { heading, section, meter, needs, problemCard } from '../ui.js';
import { get, all } from '../api.js';
import { may, tenant } from '../session.js';
import { number, bytes, plural, seconds, day } from '../format.js';
import { bars } from '../chart.js';
import { pair } from './user.js';
import { scopes } from './keys.js';
import { eventList, keyNames } from '../events.js';

const chartDays = 14;
const mostEvents = 2000; // that the chart is computed from

export async function overview({ signal }) {
  if (!may('tenant:read') && !may('tenant:admin')) return [heading('Overview'), allowed()];
  const parts = await Promise.all([usage(signal), activity(signal), recent(signal)]);
  return [heading('Overview', tenant() ? 'What this tenant stores, how close it is to its limits, and what happened lately.' : null), parts];
}

/** allowed is for keys that may see nothing of the tenant itself. */
function allowed() {
  return section('What this key may do', { actions: el('a', { href: '#/users' }, 'Open a user') },
    el('dl', { class: 'pairs' }, scopes.filter(([name]) => may(name)).map(([name, text]) => pair(code(name), text))),
    needs('Usage against the limits', 'tenant:read'), needs('The audit log, with activity and recent events,', 'tenant:admin'));
}

/** part draws a part of the page; its failure leaves the others. */
async function part(title, draw) {
  try {
    return await draw();
  } catch (failure) {
    if (failure.name === 'AbortError') throw failure;
    return section(title, {}, problemCard(failure));
  }
}

function usage(signal) {
  if (!may('tenant:read')) return section('Usage', {}, needs('What the tenant uses', 'tenant:read'));
  return part('Usage', async () => {
    const { data: u } = await get('tenant/usage', { signal });
    return section('Usage', { lead: 'Counted exactly, as of now.' },
      meter('Users', u.users.used, u.users.limit, `${number(u.users.used)} of ${number(u.users.limit)}`),
      rate(u.rate),
      el('dl', { class: 'figures' },
        figure('Conversations', number(u.conversations.used)),
        figure('Interactions', number(u.interactions.stored), `${number(u.interactions.buffered)} buffered, ${number(u.interactions.stored - u.interactions.buffered)} sealed`),
        figure('Blobs', number(u.blobs.count), `${bytes(u.blobs.bytes)} sealed`)));
  });
}

function rate(r) {
  if (r.limit === null) return el('p', { class: 'note' }, 'Requests are not limited.');
  const used = r.limit - r.remaining;
  return meter('Requests this minute', used, r.limit,
    `${number(used)} of ${number(r.limit)}${used > 0 ? `, all free again in ${seconds(r.reset)}` : ''}`);
}

const figure = (name, value, note) => el('div', null, el('dt', null, name), el('dd', null, el('strong', null, value), note && el('span', { class: 'note' }, note)));

function activity(signal) {
  const title = 'Interactions sealed per day';
  if (!may('tenant:admin')) return section(title, {}, needs('The chart is computed from the audit log, which', 'tenant:admin'));
  return part(title, async () => {
    const days = lastDays();
    const { items, whole } = await all('tenant/audit', { query: { action: 'memory.flushed', since: `${days[0]}T00:00:00Z` }, most: mostEvents, signal });
    const { shown, counts } = perDay(days, items, whole);
    const total = counts.reduce((a, b) => a + b, 0);
    return section(title, {
      lead: `${plural(total, 'interaction')} in ${plural(shown.length, 'day')}, from the audit log; days are UTC. What is still buffered is not in it.${whole ? '' : ' Earlier days have more events than are read here.'}`,
    }, bars(title, shown.map((d, i) => ({ label: d, value: counts[i] }))));
  });
}

function lastDays() {
  const today = Date.now();
  return Array.from({ length: chartDays }, (_, i) => day(today - (chartDays - 1 - i) * 86_400_000));
}

/** perDay adds the events up. Where not all were read, only the days that are whole are shown. */
function perDay(days, events, whole) {
  const sums = new Map(days.map((d) => [d, 0]));
  for (const e of events) sums.set(day(e.timestamp), (sums.get(day(e.timestamp)) ?? 0) + (e.data.interactions ?? 0));
  const from = whole || events.length === 0 ? days[0] : day(Date.parse(events.at(-1).timestamp) + 86_400_000);
  const shown = days.filter((d) => d >= from);
  return { shown, counts: shown.map((d) => sums.get(d)) };
}

function recent(signal) {
  const title = 'Recent events';
  if (!may('tenant:admin')) return section(title, {}, needs('The audit log', 'tenant:admin'));
  return part(title, async () => {
    const { data } = await get('tenant/audit', { query: { limit: 8 }, signal });
    return section(title, { actions: el('a', { href: '#/audit' }, 'All events') }, eventList(data.data, await keyNames(signal)));
  });
}
