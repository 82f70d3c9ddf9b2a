// How the tenant's data is encrypted, and renewing its data key.

import { el, time } from '../dom.js';
import { heading, section, button, chip, confirm, needs, say } from '../ui.js';
import { get, post } from '../api.js';
import { may } from '../session.js';
import { ago, number } from '../format.js';
import { pair } from './user.js';

const pollEvery = 1000;

export async function encryption({ signal }) {
  const place = el('div');
  const draw = (state) => place.replaceChildren(section('State', {}, facts(state), progress(state)));
  const { data } = await get('tenant/encryption', { signal });
  draw(data);
  follow(data, draw, signal);
  return [
    heading('Encryption', 'Everything people wrote is sealed under data keys of this tenant’s own, which a wrapping key protects.',
      may('tenant:admin') && button('Rotate data key', () => rotate(draw, signal), { kind: 'primary' })),
    needs('Rotating', 'tenant:admin'), place,
  ];
}

const facts = (e) => el('dl', { class: 'pairs' },
  pair('Mode', e.mode === 'tenant' ? 'Tenant: the wrapping key is the tenant’s own' : 'Platform: the wrapping key is this deployment’s'),
  pair('Provider', e.provider),
  pair('Data key', `Version ${e.key_version}`),
  pair('Made', el('span', null, time(e.key_created_at), ` (${ago(e.key_created_at)})`)));

const states = { idle: ['Everything is under the newest data key', 'good'], running: ['Re-encrypting', 'accent'], failed: ['Stopped; it is tried again', 'bad'] };

function progress(e) {
  const r = e.re_encryption;
  const [text, kind] = states[r.state];
  const done = r.total > 0 && `${number(r.done)} of ${number(r.total)} records`;
  return el('div', { class: 'progress' },
    el('div', { class: 'meter-label' }, chip(text, kind), done && el('span', { class: 'figure' }, done)),
    el('progress', { max: Math.max(r.total, 1), value: r.total > 0 ? r.done : 1, 'aria-label': 'Records under the newest data key' }),
    r.state !== 'idle' && el('p', { class: 'note' }, 'Everything stays readable throughout.'));
}

/** follow shows the progress until it is over, or the page is left. */
function follow(state, draw, signal) {
  if (state.re_encryption.state === 'idle') return;
  setTimeout(async () => {
    if (signal.aborted) return;
    try {
      const { data } = await get('tenant/encryption', { signal });
      draw(data);
      if (data.re_encryption.state === 'idle') say('Re-encryption is complete.');
      follow(data, draw, signal);
    } catch (failure) {
      if (failure.name !== 'AbortError' && failure.canRetry) follow(state, draw, signal);
    }
  }, pollEvery);
}

async function rotate(draw, signal) {
  await confirm('Rotate the data key?', 'A new data key seals all that is written from now on; what is stored is re-encrypted in the background and stays readable.', 'Rotate', async () => {
    const { data } = await post('tenant/encryption/rotate');
    say(`Data key version ${data.key_version} is in use.`);
    draw(data);
    follow(data, draw, signal);
  });
}
