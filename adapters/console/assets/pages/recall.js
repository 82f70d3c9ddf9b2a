// The recall playground: what an agent would be given for a question, and why.

import { el, svg, untrusted, time } from '../dom.js';
import { section, chip, check, choice, copyButton, details, field, form, meter, say, table } from '../ui.js';
import { get, post, path } from '../api.js';
import { may } from '../session.js';
import { instant, number, plural } from '../format.js';
import { userHead, titleOf } from './user.js';
import { userHash } from './users.js';

export async function recall({ params, signal }) {
  const [head, talks] = await Promise.all([userHead(params.user, 'Recall', signal), conversations(params.user, signal)]);
  const results = el('div', { class: 'results', 'aria-live': 'polite' });
  return [head.node, section('Recall playground', { lead: 'Ask as an agent would before its next answer.' }, question(params.user, talks, results)), results];
}

async function conversations(user, signal) {
  if (!may('conversations:read')) return [];
  return (await get(path('users', user, 'conversations'), { query: { limit: 100 }, signal })).data.data;
}

function question(user, talks, results) {
  const query = el('textarea', { name: 'query', rows: 2, required: true, onkeydown: (e) => { if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) e.target.form.requestSubmit(); } });
  const tokens = el('input', { type: 'number', name: 'max_tokens', min: 16, max: 32000, value: 2000, required: true });
  const limit = el('input', { type: 'number', name: 'limit', min: 1, max: 100, value: 10, required: true });
  const since = el('input', { type: 'datetime-local', name: 'since' });
  const until = el('input', { type: 'datetime-local', name: 'until' });
  const talk = choice('conversation', [['', 'Any'], ...talks.map((c) => [c.id, titleOf(c)])], '');
  const boxes = (legend, name, options) => el('fieldset', { class: 'checks' }, el('legend', null, legend), options.map(([value, text]) => check(text, { name, value, checked: true })));
  return form({
    label: 'Question', submit: 'Ask',
    action: async (elements) => {
      const ticked = (name) => [...elements[name]].filter((box) => box.checked).map((box) => box.value);
      const filters = { since: instant(since.value), until: instant(until.value), ...(talk.value && { conversation_id: talk.value }) };
      await answer(user, results, {
        context: { query: query.value, max_tokens: Number(tokens.value), include: ticked('include'), ...filters },
        search: { query: query.value, limit: Number(limit.value), roles: ticked('role'), explain: true, ...filters },
      });
    },
  }, field('Question', query, 'Ctrl and Enter send it.'),
  el('div', { class: 'row' }, field('Tokens at most', tokens, '16 to 32,000'), field('Items to rank', limit, '1 to 100')),
  details('Filters', el('div', { class: 'row' }, field('Since', since), field('Until', until), field('Conversation', talk)),
    boxes('In the context block', 'include', [['facts', 'Facts'], ['episodes', 'Episodes'], ['recent', 'Recent turns']]),
    boxes('Among the ranked items, said by', 'role', [['user', 'User'], ['assistant', 'Assistant'], ['system', 'System'], ['tool', 'Tool']])));
}

async function answer(user, results, ask) {
  const [block, found] = await Promise.all([
    post(path('users', user, 'context'), ask.context), post(path('users', user, 'memory', 'search'), ask.search),
  ]);
  const context = block.data;
  const items = found.data.data;
  const inBlock = new Set(context.items.map((i) => i.id));
  results.replaceChildren(
    section('Context block', { lead: 'Ready for a prompt. It marks what it holds as quoted data, not as instructions.', actions: copyButton(context.context, 'Copy block') },
      meter('Budget', context.token_count, ask.context.max_tokens, `${number(context.token_count)} of ${plural(ask.context.max_tokens, 'token')}${context.truncated ? ', more was found than fits' : ''}`),
      context.context === '' ? el('p', { class: 'empty' }, 'Nothing fits, or nothing was found.') : untrusted(context.context, 'pre', 'block'),
      el('p', { class: 'note' }, 'Counted by ', context.token_counter, '.')),
    section('Ranked items', { lead: 'What search finds, best first, and what each signal gave. Scores compare within one answer only.' }, ranking(user, items, inBlock)));
  say(`${plural(context.items.length, 'line')} in the context block, ${plural(items.length, 'item')} ranked.`);
}

function ranking(user, items, inBlock) {
  if (items.length === 0) return el('p', { class: 'empty' }, 'Nothing fits the question.');
  const best = Math.max(...items.map((i) => i.score));
  return el('ol', { class: 'ranking' }, items.map((i) => el('li', null,
    el('div', { class: 'rank-head' },
      chip(i.type === 'fact' ? 'Fact' : 'Interaction', i.type === 'fact' ? 'accent' : ''), inBlock.has(i.id) && chip('In the block', 'good', 'check'),
      el('span', { class: 'note' }, i.name === null ? i.role : untrusted(i.name), ' · ', time(i.occurred_at), source(user, i)),
      el('span', { class: 'figure score' }, `Score ${i.score.toFixed(3)}`)),
    scoreBar(i, best), untrusted(shorten(i.text), 'p', 'content'), breakdown(i))));
}

const shorten = (text) => (text.length > 600 ? `${text.slice(0, 600).toWellFormed()} …` : text);

const source = (user, i) => i.conversation_id !== null && may('conversations:read') && [' · ', el('a', { href: userHash(user, 'conversations', i.conversation_id) }, 'conversation')];

const added = [['bm25', 'Words of the question in it (BM25)'], ['window', 'Words in the turns around it'], ['session', 'Words in the whole session'], ['neighbours', 'What its neighbours score'],
  ['kin', 'Words near in meaning to the question’s'], ['vector', 'Its vector, near the question’s']];
const multiplied = [['speaker', 'The question names who speaks'], ['question', 'It ends by asking'], ['date', 'It is from a time that the question names']];

/** scoreBar shows the score as the share of each signal that adds to it. */
function scoreBar(item, best) {
  const parts = added.map(([name]) => item.score_breakdown?.[name] ?? 0);
  const sum = parts.reduce((a, b) => a + b, 0) || 1;
  let x = 0;
  return svg('svg', { class: 'score-bar', viewBox: '0 0 100 4', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    svg('rect', { width: 100, height: 4, class: 'track' }),
    parts.map((p, n) => {
      const width = (p / sum) * (item.score / best) * 100;
      x += width;
      return svg('rect', { x: x - width, width, height: 4, class: `signal-${n}` });
    }));
}

function breakdown(item) {
  const b = item.score_breakdown ?? {};
  const row = (sign) => ([name, text]) => name in b && [text, `${sign} ${b[name].toFixed(3)}`];
  return details('Why', table('Score breakdown', ['Signal', 'Gives'], [...added.map(row('+')), ...multiplied.map(row('×')), row('')(['rerank', 'The reranker’s score, by which the best are ordered'])].filter(Boolean)),
    el('p', { class: 'note' }, 'The score is the sum of the first, times each of the others.'));
}
