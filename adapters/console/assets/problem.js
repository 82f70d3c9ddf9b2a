// What went wrong, in words for people.

import { seconds } from './format.js';

/** Problem is a refusal of the API's, or a request that got no answer (status 0). */
export class Problem extends Error {
  constructor(status, body, headers) {
    super(body.detail ?? body.code);
    this.status = status;
    this.code = body.code ?? 'internal';
    this.body = body;
    this.requestId = body.instance ?? headers?.get('X-Request-Id') ?? null;
    this.retryAfter = Number(headers?.get('Retry-After')) || null;
  }

  /** title says what happened. */
  get title() {
    return (words[this.code] ?? words.internal)[0];
  }

  /** advice says what to do about it; the API's own detail where that says more. */
  get advice() {
    const text = (words[this.code] ?? words.internal)[1];
    return typeof text === 'function' ? text(this) : text;
  }

  /** isStale says that the page shows what is no longer so. */
  get isStale() {
    return this.code === 'precondition_failed' || this.code === 'version_conflict';
  }

  get canRetry() {
    return this.status === 0 || this.status === 429 || this.status >= 500 || this.status === 423;
  }
}

const fromDetail = (p) => p.body.detail;
const wait = (p) => (p.retryAfter ? ` Try again in ${seconds(p.retryAfter)}.` : ' Try again in a moment.');

const words = {
  unreachable: ['Raven can’t be reached', 'The server did not answer. Check that it runs and that you are connected, then try again.'],
  unauthenticated: ['This key is not accepted', 'It may be mistyped, expired or revoked. Keys are shown once, when they are made; whoever holds a key with tenant:admin can make another.'],
  insufficient_scope: ['This key may not do that', (p) => `It lacks the scope ${p.body.scope}. Sign in with a key that has it.`],
  quota_exhausted: ['A limit is reached', (p) => `${p.body.detail} ${p.body.quota ? `${p.body.quota}: ${p.body.used} of ${p.body.limit} used.` : ''}`],
  tenant_suspended: ['This tenant is suspended', fromDetail],
  not_found: ['There is nothing here', 'It was deleted, it has expired, or it never existed.'],
  external_ref_taken: ['This reference is taken', fromDetail],
  last_admin_key: ['This is the last key with tenant:admin', 'Without it nobody could administer the tenant. Make another one first.'],
  conversation_closed: ['The conversation is closed', fromDetail],
  version_conflict: ['Somebody changed this at the same time', 'Nothing of yours was saved. Reload, and make the change again.'],
  precondition_failed: ['Somebody changed this meanwhile', 'Nothing of yours was saved. Reload to see what it is now, and make the change again.'],
  validation_failed: ['A value was not accepted', fromDetail],
  invalid_cursor: ['This page of the list is no longer valid', 'Begin again at the first page.'],
  key_unavailable: ['The tenant’s own key can’t be used', (p) => `${p.body.detail} Until the key is back, what it protects can’t be read by anyone, Raven included.`],
  rate_limited: ['Too many requests', (p) => `The tenant’s share of this minute is spent.${wait(p)}`],
  unavailable: ['A part of Raven is down', (p) => `Nothing was left half done.${wait(p)}`],
  key_management_unavailable: ['The key service can’t be reached', (p) => `Nothing was left half done.${wait(p)}`],
  internal: ['Something went wrong in Raven', (p) => p.body.detail ?? 'The operator’s log says more under the request’s id.'],
};
