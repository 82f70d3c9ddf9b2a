// mem0's open-source mode, as its page says to use it, without a model: turns as
// they are (infer: false), vectors from a server on this machine, and the store of
// vectors that it takes by default, which is a SQLite file.
import './guard.mjs';
import path from 'node:path';
import { Memory } from 'mem0ai/oss';
import { serve } from './driver.mjs';

const { DIR, EMBEDDER_URL, EMBEDDER_MODEL, EMBEDDER_DIMENSIONS } = process.env;
const model = { apiKey: 'none', baseURL: EMBEDDER_URL };

const memory = new Memory({
  embedder: { provider: 'openai', config: { ...model, model: EMBEDDER_MODEL } },
  vectorStore: { provider: 'memory', config: { collectionName: 'memories', dimension: Number(EMBEDDER_DIMENSIONS), dbPath: path.join(DIR, 'vector_store.db') } },
  llm: { provider: 'openai', config: { ...model, model: 'never-asked' } },
  historyDbPath: path.join(DIR, 'history.db'),
});

serve({
  async add({ user, turn, role, speaker, at, content }) {
    const { results } = await memory.add([{ role, content: `${speaker}: ${content}` }], { userId: user, infer: false, metadata: { turn, at } });
    if (results.length !== 1) throw new Error(`it made ${results.length} memories of a turn`);
  },
  // No threshold, which would keep back what it finds.
  async search({ user, query, limit }) {
    const { results } = await memory.search(query, { filters: { user_id: user }, topK: limit, threshold: 0 });
    return results.map((r) => r.metadata.turn);
  },
  async turns({ user }) {
    const { results } = await memory.getAll({ filters: { user_id: user }, topK: 1_000_000 });
    return results.map((r) => r.metadata.turn);
  },
});
