// Who is signed in. The key lives in this module's memory and nowhere else: not
// in storage, not in a cookie, not in the address. A reload forgets it.

const idleMinutes = 15;
const warnMinutes = 14;

let key = null;
let identity = null; // the key's record; tenant beside it where it may be read
let touched = 0;
let warned = false;
const listeners = { change: [], update: [], warn: [] };

export const secret = () => key;
export const current = () => identity?.key ?? null;
export const tenant = () => identity?.tenant ?? null;
export const signedIn = () => identity !== null;

/** may reports whether the key has all of these scopes. */
export const may = (...scopes) => scopes.every((s) => identity?.key.scopes.includes(s));

export const onChange = (listener) => listeners.change.push(listener);
export const onUpdate = (listener) => listeners.update.push(listener);
export const onWarn = (listener) => listeners.warn.push(listener);

export function open(newKey, who) {
  key = newKey;
  identity = who;
  touch();
  tell('change', null);
}

/** update keeps what is shown of the tenant up to date. */
export function update(newTenant) {
  if (!identity) return;
  identity.tenant = newTenant;
  tell('update', null);
}

/** lock forgets the key and everything read with it. */
export function lock(why) {
  if (key === null) return;
  key = null;
  identity = null;
  tell('change', why);
}

function tell(what, detail) {
  for (const listener of listeners[what]) listener(detail);
}

function touch() {
  touched = Date.now();
  if (warned) {
    warned = false;
    tell('warn', false);
  }
}

function watch() {
  if (key === null) return;
  const idle = (Date.now() - touched) / 60_000;
  if (idle >= idleMinutes) {
    warned = false;
    tell('warn', false);
    lock(`Locked after ${idleMinutes} minutes without use.`);
  } else if (idle >= warnMinutes && !warned) {
    warned = true;
    tell('warn', true);
  }
}

for (const event of ['pointerdown', 'keydown', 'wheel', 'touchstart']) {
  addEventListener(event, () => { watch(); touch(); }, { capture: true, passive: true });
}
addEventListener('visibilitychange', watch);
addEventListener('pagehide', () => lock('Locked.'));
setInterval(watch, 1000);
