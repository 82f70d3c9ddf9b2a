// Deleting the tenant.

import { el, untrusted, code, time } from '../dom.js';
import { heading, section, dialog, button, copyButton, field, form } from '../ui.js';
import { get, remove } from '../api.js';
import { lock } from '../session.js';

export async function danger({ signal }) {
  const { data: tenant } = await get('tenant', { signal });
  return [
    heading('Delete tenant', 'For good, and at once.'),
    section('What happens', { className: 'danger-zone' }, el('ul', null,
      el('li', null, 'The tenant’s data keys are destroyed first: from the answer on, nothing stored of it can be read by anyone.'),
      el('li', null, 'Users, conversations, memory, facts, API keys and webhook deliveries are then removed.'),
      el('li', null, 'Agents that use this tenant’s keys are refused. You are signed out.'),
      el('li', null, 'The audit log stays with the operator, as proof of what happened.')),
    el('div', { class: 'actions' }, button('Delete this tenant …', () => ask(tenant), { kind: 'danger' }))),
  ];
}

function ask(tenant) {
  return dialog('Delete this tenant?', (close) => {
    const typed = el('input', { name: 'confirm', required: true, autocomplete: 'off', spellcheck: 'false', class: 'secret' });
    const check = () => typed.setCustomValidity(typed.value.trim() === tenant.id ? '' : `Type ${tenant.id}`);
    typed.addEventListener('input', check);
    check();
    return form({
      label: 'Delete the tenant', submit: 'Delete for good', kind: 'danger', cancel: close,
      action: async () => {
        const { data: receipt } = await remove('tenant', { query: { confirm: typed.value.trim() } });
        close();
        await show(receipt);
        lock('The tenant is deleted.');
      },
    }, el('p', null, 'All of ', untrusted(tenant.name, 'strong'), ' will be gone. This can’t be undone.'),
    field('Type the tenant’s id to confirm', typed, el('span', null, 'It is ', code(tenant.id))));
  });
}

function show(receipt) {
  const text = JSON.stringify(receipt, null, 2);
  return dialog('The tenant is deleted', (close) => [
    el('p', null, 'Deleted at ', time(receipt.deleted_at, { dateStyle: 'medium', timeStyle: 'medium' }), '. This receipt names the keys that were destroyed; keep it.'),
    el('pre', { class: 'block', tabindex: '0', 'aria-label': 'Receipt' }, text),
    el('div', { class: 'actions end' }, copyButton(text, 'Copy receipt'), button('Done', () => close(), { kind: 'primary' })),
  ]);
}
