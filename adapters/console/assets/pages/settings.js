// The tenant's settings: what they mean, within what bounds, and changing them.

import { el, untrusted, code, time } from '../dom.js';
import { heading, section, button, choice, confirm, field, form, needs, say } from '../ui.js';
import { get, patch } from '../api.js';
import { may, update } from '../session.js';
import { pair } from './user.js';

const numbers = [
  ['retention_days', 'Retention', 'Days that memory is kept after Raven took it in. 1 to 3,650, or 0 to keep it for ever. A lower value acts at once, on what is stored too.', 0, 3650],
  ['max_users', 'Users at most', '0 to 1,000,000,000, or less where the operator says so. A limit below what is used refuses new users only.', 0, 1e9],
  ['max_conversations_per_user', 'Conversations of a user at most', '0 to 1,000,000,000, or less where the operator says so. Open and closed ones count.', 0, 1e9],
  ['batch_size', 'Batch size', '1 to 500. How many interactions are sealed together into one blob; until then they are buffered, encrypted one by one.', 1, 500],
  ['rate_limit_per_minute', 'Requests a minute', 'At most the operator’s limit, which is the default. The tenant’s keys share it.', 0, 1e6],
];

const modes = [['platform', 'Platform: by a key of this deployment’s'], ['tenant', 'Tenant: by a key of our own in Vault']];

export async function settings({ signal, again }) {
  const { data: tenant, etag } = await get('tenant', { signal });
  update(tenant);
  const edit = may('tenant:admin');
  return [
    heading('Settings', 'What this tenant may use, and how its memory is kept.'),
    needs('Changing settings', 'tenant:admin'),
    section('Tenant', {}, el('dl', { class: 'pairs' }, pair('Id', code(tenant.id)), pair('Email', untrusted(tenant.email)), pair('Registered', time(tenant.created_at)), pair('Changed', time(tenant.updated_at)))),
    section('Settings', { lead: 'Changes act at once. They are saved only if nobody changed anything since this page was loaded.' }, edit ? editor(tenant, etag, again) : readOnly(tenant)),
  ];
}

function readOnly(tenant) {
  const s = tenant.settings;
  return el('dl', { class: 'pairs' }, numbers.map(([name, label]) => pair(label, String(s[name]))), pair('Encryption', s.encryption_mode), pair('Webhook', s.webhook_url === null ? '–' : untrusted(s.webhook_url)));
}

function editor(tenant, etag, again) {
  const s = tenant.settings;
  const name = el('input', { name: 'name', required: true, maxlength: 200, value: tenant.name, dir: 'auto' });
  const mode = choice('encryption_mode', modes, s.encryption_mode);
  const inputs = numbers.map(([key, , , min, max]) => el('input', { type: 'number', name: key, required: true, min, max, step: 1, value: s[key] }));
  const save = async (change) => {
    update((await patch('tenant', change, { ifMatch: etag })).data);
    say('Saved.');
    await again();
  };
  const reset = (key, label) => button('Reset to default', () => save({ settings: { [key]: null } }), { kind: 'quiet small', name: `Reset “${label}” to its default` });
  return form({
    className: 'form settings', label: 'Settings', submit: 'Save', reload: again,
    action: async () => {
      const changed = Object.fromEntries(inputs.filter((i) => Number(i.value) !== s[i.name]).map((i) => [i.name, Number(i.value)]));
      if (mode.value !== s.encryption_mode) {
        if (!await sure(mode.value)) return;
        changed.encryption_mode = mode.value;
      }
      const change = { ...(name.value !== tenant.name && { name: name.value }), ...(Object.keys(changed).length > 0 && { settings: changed }) };
      if (Object.keys(change).length === 0) say('Nothing was changed.');
      else await save(change);
    },
  }, field('Name', name, 'Up to 200 characters.'),
  numbers.map(([key, label, hint], i) => field(label, inputs[i], hint, reset(key, label))),
  field('Encryption', mode, 'Who holds the key that wraps the tenant’s data keys. “Tenant” works where the operator offers it. Another mode makes a new data key and re-encrypts what is stored.', reset('encryption_mode', 'Encryption')),
  el('p', { class: 'note' }, 'The webhook’s address is set on the page ', el('a', { href: '#/webhook' }, 'Webhook'), '.'));
}

async function sure(mode) {
  return confirm('Change who holds the key?', mode === 'tenant'
    ? 'From then on a key of your own in Vault is needed to read anything of this tenant. If it is disabled, nothing can be read; if it is destroyed, everything is lost for good.'
    : 'From then on a key of this deployment’s protects the tenant’s data, and disabling your own no longer locks it.', 'Change mode', async () => {});
}
