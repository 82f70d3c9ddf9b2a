// The audit log's hashes, computed anew in the browser: RFC 6962 over the
// canonical form of each event, held against signed notes (c2sp.org/signed-note).

import { get } from './api.js';

const utf8 = new TextEncoder();
const page = 100;

/** parseNote reads a checkpoint: {text, origin, size, root, signer, signature}. */
export function parseNote(note) {
  const normal = `${note.replaceAll('\r\n', '\n').trim()}\n`;
  const at = normal.lastIndexOf('\n\n');
  const text = normal.slice(0, at + 1);
  const [origin, size, root] = text.split('\n');
  const match = /^— (\S+) (\S+)\n/.exec(normal.slice(at + 2));
  if (at < 0 || !match || !/^[1-9]\d*$/.test(size)) throw new Error('The text is not a checkpoint.');
  return { text, origin, size: Number(size), root, signer: match[1], signature: match[2] };
}

/**
 * verify reads all events and holds their tree against each note. It gives
 * {size, later, notes, signed} and throws an Error that says what is wrong.
 */
export async function verify({ notes, key, signal, progress }) {
  const stated = notes.map(parseNote).sort((a, b) => a.size - b.size);
  if (new Set(stated.map((s) => s.origin)).size > 1) throw new Error('The checkpoint that you kept is another log’s.');
  if (key) for (const s of stated) await checkSignature(s, key);
  const events = await read(stated.at(-1).size, signal, progress);
  const tree = new Tree();
  for (const s of stated) {
    while (tree.size < s.size) {
      const event = events[tree.size];
      if (event?.seq !== tree.size + 1) throw new Error(`Event ${tree.size + 1} is missing: ${s.size} were signed.`);
      await tree.add(await leaf(event));
    }
    if (base64(await tree.root()) !== s.root) throw new Error(`The first ${s.size} events are not those that were signed: their root is another.`);
  }
  return { size: tree.size, later: events.length - tree.size, notes: stated.length, signed: Boolean(key) };
}

/** read gives the log, oldest first. */
async function read(size, signal, progress) {
  const events = [];
  let cursor = null;
  do {
    const { data } = await get('tenant/audit', { query: { limit: page, cursor }, signal });
    events.push(...data.data);
    cursor = data.next_cursor;
    progress(Math.min(events.length, size));
  } while (cursor);
  return events.reverse();
}

/** Tree is an RFC 6962 tree that grows: the roots of its complete subtrees, largest first. */
class Tree {
  size = 0;
  #roots = [];

  async add(hash) {
    for (let n = this.size; n % 2 === 1; n = (n - 1) / 2) hash = await node(this.#roots.pop(), hash);
    this.#roots.push(hash);
    this.size++;
  }

  async root() {
    let sum = this.#roots.at(-1);
    for (const left of this.#roots.slice(0, -1).reverse()) sum = await node(left, sum);
    return sum;
  }
}

const sha256 = async (...parts) => new Uint8Array(await crypto.subtle.digest('SHA-256', join(parts)));
const node = (left, right) => sha256([1], left, right);
const leaf = (event) => sha256([0], canonical(event));

function join(parts) {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** canonical is an event's canonical form, version 1, as core/audit/canonical.go has it. */
function canonical(e) {
  const at = Date.parse(e.timestamp);
  const second = Math.floor(at / 1000);
  return join([
    text('raven/audit/event/v1'), text(e.tenant_id), int(e.seq), text(e.id), text(e.type),
    int(second), int((at - second * 1000) * 1e6), text(e.actor === 'system' ? '' : e.actor.key_id), members(e.data),
  ]);
}

function int(n) {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigInt64(0, BigInt(n));
  return out;
}

function text(s) {
  const bytes = utf8.encode(s);
  return join([int(bytes.length), bytes]);
}

const tag = (letter) => utf8.encode(letter);

function members(object) {
  const names = Object.keys(object).sort();
  return join([tag('m'), int(names.length), ...names.flatMap((name) => [text(name), value(object[name])])]);
}

function value(v) {
  if (v === null) return tag('n');
  if (typeof v === 'boolean') return tag(v ? 't' : 'f');
  if (typeof v === 'string') return join([tag('s'), text(v)]);
  if (typeof v === 'number') return Number.isInteger(v) ? join([tag('i'), int(v)]) : join([tag('d'), float(v)]);
  if (Array.isArray(v)) return join([tag('l'), int(v.length), ...v.map(value)]);
  return members(v);
}

function float(n) {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setFloat64(0, n);
  return out;
}

const base64 = (bytes) => btoa(String.fromCharCode(...bytes));
const unbase64 = (s) => Uint8Array.from(atob(s), (c) => c.charCodeAt(0));

/** checkSignature holds a note against a verifier key, name+id+base64(1, Ed25519 key). */
async function checkSignature(stated, key) {
  const match = /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/.exec(key);
  if (!match) throw new Error('The public key is not one: it reads name+id+key.');
  if (match[1] !== stated.signer) throw new Error('The checkpoint is signed by another deployment’s key.');
  let good = false;
  try {
    const raw = unbase64(match[3]);
    const verifier = await crypto.subtle.importKey('raw', raw.slice(1), 'Ed25519', false, ['verify']);
    good = await crypto.subtle.verify('Ed25519', verifier, unbase64(stated.signature).slice(4), utf8.encode(stated.text));
  } catch (failure) {
    throw new Error(failure.name === 'NotSupportedError' ? 'This browser can’t verify Ed25519 signatures. Use the command below.' : 'The public key or the signature can’t be read.');
  }
  if (!good) throw new Error('The checkpoint’s signature does not fit it: it was changed, or another key signed it.');
}
