// Where events are delivered, and what became of each delivery.

import { el, untrusted, code, time } from '../dom.js';
import { heading, section, button, chip, details, field, form, pager, confirm, say, secretDialog } from '../ui.js';
import { get, post, patch, path } from '../api.js';
import { may } from '../session.js';
import { plural } from '../format.js';

const where = 'tenant/webhook';

export async function webhook({ signal, again }) {
  const tenant = may('tenant:read') ? await get('tenant', { signal }) : null;
  const log = await deliveries(signal);
  return [
    heading('Webhook', 'Every event is sent there: ids and counts, never content, signed as Standard Webhooks has it.'),
    section('Address', {}, address(tenant, again)),
    section('Signing secret', { lead: 'The receiver verifies deliveries with it. Without a secret nothing is delivered.', actions: button('Make a new secret', () => secret()) }),
    log,
  ];
}

function address(tenant, again) {
  const was = tenant?.data.settings.webhook_url ?? '';
  const url = el('input', { type: 'url', name: 'webhook_url', maxlength: 2048, value: was, placeholder: 'https://…' });
  return [form({
    className: 'inline', label: 'Address of the webhook', submit: 'Save', kind: 'primary', reload: again,
    action: async () => {
      await patch('tenant', { settings: { webhook_url: url.value.trim() || null } }, { ifMatch: tenant?.etag });
      say(url.value.trim() ? 'Events are delivered there from now on.' : 'Events are delivered nowhere from now on.');
      await again();
    },
  }, field('URL', url, 'https, and not into a private network unless the operator allows it. Empty: nothing is delivered.')),
  !tenant && el('p', { class: 'note' }, 'What is set now can’t be shown: that needs ', code('tenant:read'), '.')];
}

async function secret() {
  await confirm('Make a new secret?', 'Deliveries are signed with it from now on. The one before signs along for 24 hours.', 'Make secret', async () => {
    const { data } = await post(`${where}/secret`);
    const before = data.previous_expires_at ? ' Until tomorrow deliveries carry a signature by the old one too.' : '';
    await secretDialog('New signing secret', data.secret, `Copy it now into the receiver’s configuration. Raven can’t show it again.${before}`);
  });
}

async function deliveries(signal) {
  const holder = el('div');
  const draw = async () => {
    const list = await pager('Pages of deliveries', async (cursor) => (await get(`${where}/deliveries`, { query: { limit: 20, cursor }, signal })).data, (page) => rows(page, draw));
    holder.replaceChildren(list);
  };
  await draw();
  return section('Deliveries', {
    lead: 'Newest first. One that fails is tried again for about three days.',
    actions: [button('Refresh', draw), button('Send a test event', async () => { await post(`${where}/test`); say('A test event is on its way.'); await settle(draw, signal); })],
  }, holder);
}

/** settle draws again for a while, until nothing on the page waits for its first attempt. */
async function settle(draw, signal) {
  for (let i = 0; i < 10 && !signal.aborted; i++) {
    await draw();
    if (!document.querySelector('[data-unattempted]')) return;
    await new Promise((done) => { setTimeout(done, 500); });
  }
}

const kinds = { pending: ['Pending', 'warn', 'clock'], delivered: ['Delivered', 'good', 'check'], failed: ['Failed', 'bad'] };

function rows(list, draw) {
  if (list.length === 0) return el('p', { class: 'empty' }, 'Nothing was delivered yet.');
  return el('ul', { class: 'deliveries' }, list.map((d) => el('li', { 'data-unattempted': d.status === 'pending' && d.attempts.length === 0 },
    el('div', { class: 'rank-head' }, chip(...kinds[d.status]), el('strong', null, d.event_type), code(d.event_id),
      button('Replay', async () => { await post(`${where}/deliveries/${path(d.id, 'replay')}`); say('It is delivered once more.'); await settle(draw, new AbortController().signal); }, { kind: 'small', name: `Replay the delivery of ${d.event_type}, ${d.event_id}` })),
    el('p', { class: 'note' }, d.attempts.length > 0 ? ['Last tried ', time(d.attempts.at(-1).at, { dateStyle: 'medium', timeStyle: 'medium' })] : 'Not tried yet', d.next_attempt_at && [' · next ', time(d.next_attempt_at, { dateStyle: 'medium', timeStyle: 'medium' })]),
    d.attempts.length > 0 && details(plural(d.attempts.length, 'attempt'), el('ol', { class: 'attempts' }, d.attempts.map(attempt))))));
}

const attempt = (a) => el('li', null, time(a.at, { dateStyle: 'medium', timeStyle: 'medium' }), ' ',
  a.error === null ? chip(`HTTP ${a.response_status}`, 'good') : chip(a.response_status === null ? 'No answer' : `HTTP ${a.response_status}`, 'bad'),
  el('span', { class: 'note' }, ` ${a.duration_ms} ms `, a.error !== null && untrusted(a.error)));
