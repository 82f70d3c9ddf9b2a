// The reference memory server of the Model Context Protocol, reached over stdio by
// the protocol's own SDK: a server and a file for each user, an entity for each
// turn. It finds the entities that have the query in them as it stands, in the
// order they came in; search asks it so with the whole question, and keywords with
// each word of it that tells something, those first that most words found.
import './guard.mjs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { serve } from './driver.mjs';

const { DIR, FOREIGN } = process.env;
const here = path.dirname(fileURLToPath(import.meta.url));
const server = path.join(path.dirname(createRequire(import.meta.url).resolve('@modelcontextprotocol/server-memory/package.json')), 'dist', 'index.js');
const empty = new Set(`a about after all am an and any are as at be been before being both but by can could did do does doing during each
  for from had has have having he her hers him his how i if in into is it its may me might more most my no nor not of on or our out over
  own she should so some such than that the their them then there these they this those through to too under until up very was we were
  what when where which while who whom whose why will with would you your`.split(/\s+/));

const clients = new Map();

function client(user) {
  if (!clients.has(user)) clients.set(user, open(user));
  return clients.get(user);
}

async function open(user) {
  const client = new Client({ name: 'raven-test', version: '1' });
  await client.connect(new StdioClientTransport({
    command: process.execPath, args: ['--import', path.join(here, 'guard.mjs'), server],
    env: { MEMORY_FILE_PATH: path.join(DIR, `${user}.jsonl`), FOREIGN, HOME: DIR }, stderr: 'ignore',
  }));
  return client;
}

async function call(user, name, args) {
  const result = await (await client(user)).callTool({ name, arguments: args });
  if (result.isError) throw new Error(result.content.map((c) => c.text).join(''));
  return result.structuredContent;
}

async function find(user, query) {
  const { entities } = await call(user, 'search_nodes', { query });
  return entities.map((e) => e.name);
}

serve({
  async add({ user, turn, speaker, at, content }) {
    const { entities } = await call(user, 'create_entities', { entities: [{ name: turn, entityType: speaker, observations: [content, at] }] });
    if (entities.length !== 1) throw new Error(`it made ${entities.length} entities of a turn`);
  },
  async search({ user, query, limit }) {
    return (await find(user, query)).slice(0, limit);
  },
  async keywords({ user, query, limit }) {
    const words = new Set(query.toLowerCase().match(/[\p{L}\p{N}]+/gu)?.filter((w) => w.length > 1 && !empty.has(w)));
    const found = new Map();
    for (const word of words) {
      for (const name of await find(user, word)) found.set(name, (found.get(name) ?? 0) + 1);
    }
    return [...found].sort((a, b) => b[1] - a[1]).slice(0, limit).map(([name]) => name);
  },
  async turns({ user }) {
    return (await call(user, 'read_graph', {})).entities.map((e) => e.name);
  },
  async close() {
    for (const c of clients.values()) await (await c).close();
  },
});
