// Package redis is Raven's primary store: every store port and the limiter in a
// Redis of version 7.0 or later, on one node, behind Sentinel, or on a Cluster.
// Any number of processes may use it at once.
//
// Every step of a tenant is one script (scripts/), on keys that all begin with
// the tenant's hash tag and are all named to Redis. Two indexes are outside: the
// email's and the API key hash's. They are reserved before the tenant's script
// and confirmed after it; a reservation that nobody confirms expires.
//
// What is deleted is unreadable and uncounted from the script on. What it leaves
// goes in bounded steps before the call returns; PurgeTenants finishes what a
// crash cut short.
//
// A wrapped key that was destroyed is gone from the server's memory when the call
// returns, and from its replicas' as they follow. The append-only file keeps it
// until it is written anew (BGREWRITEAOF): the store asks for that at once, at most once a
// minute, and from PurgeTenants again while the server is busy with another one.
// It asks the master only, not where store.redis.trust_server is set, and in vain
// where its user may not run the command; then, and in the files of replicas, in
// snapshots (RDB) and in backups, the key stays until whoever runs the server
// sees to them. The outcome of a registration whose process died in it holds
// wrapped keys until it is repeated or expires.
//
// The keys, where only the braces around a tenant's id are braces:
//
//	tenant:{T}                                  hash    profile (sealed), settings, version
//	tenant:email:E                              string  the tenant with that email
//	apikey:hash:H                               hash    index: tenant, key, scopes, expiry, revocation
//	tenant:{T}:apikeys                          hash    key id → record; this one holds
//	tenant:{T}:datakeys                         hash    version → wrapped key
//	tenant:{T}:reencryption                     hash    how far the re-encryption has come
//	tenant:{T}:lease:W                          hash    who holds a piece of work, until when; expires
//	tenant:{T}:usage                            hash    counters, and the last number of everything counted
//	tenant:{T}:events                           stream  of what happened; ids are Seq-0
//	tenant:{T}:positions                        hash    the last event that each sink has
//	tenant:{T}:audit                            stream  the audit log; ids are Seq-0
//	tenant:{T}:audit:head                       hash    its end, the latest time in it
//	tenant:{T}:audit:dropped                    hash    what stands for entries that were dropped before them
//	tenant:{T}:audit:times                      zset    now and then a Seq, by the latest time up to it
//	tenant:{T}:audit:type:Y, …:audit:actor:A, …:audit:actor:A:type:Y
//	                                            stream  empty entries: the ids of those of a type, an actor, both
//	tenant:{T}:audit:checkpoints                zset    time and signed note by size of the log
//	tenant:{T}:deliveries                       hash    D → what stays the same of a delivery, D/state → the rest
//	tenant:{T}:deliveries:log                   zset    deliveries by Position
//	tenant:{T}:deliveries:ended                 zset    those that ended by Position
//	tenant:{T}:deliveries:pending               zset    those that are pending by when they are due
//	tenant:{T}:users                            zset    user ids by Position
//	tenant:{T}:user:U                           hash    sealed part, counters, memory version
//	tenant:{T}:user:external:E                  string  the user with that reference
//	tenant:{T}:user:U:conversations             zset    conversation ids by Position
//	tenant:{T}:user:U:conversations:external    hash    reference → conversation id
//	tenant:{T}:user:U:conversation:C            hash    sealed part, counters, next number
//	tenant:{T}:user:U:conversation:C:buffer     stream  of sealed interactions; ids are Number-0
//	tenant:{T}:user:U:conversation:C:blobs      zset    blob/last number/how many, by first number
//	tenant:{T}:user:U:blob:B                    hash    header, sealed interactions, version
//	tenant:{T}:user:U:blobs                     zset    conversation/blob by Position
//	tenant:{T}:user:U:episodic:blob_ids         zset    blob ids by when the first was taken in
//	tenant:{T}:user:U:semantic:blob_ids         zset    facts by when the latest source was taken in
//	tenant:{T}:user:U:semantic:keys             hash    which fact holds what only one may say, and back
//	tenant:{T}:user:U:buffered                  zset    conversation/number by Position
//	tenant:{T}:user:U:changes                   stream  of changes of the memory; ids are Version-0
//	tenant:{T}:user:U:derived                   hash    sealed, header, parts and state of what was computed
//	tenant:{T}:user:U:derived:ids               zset    kind/position/id
//	tenant:{T}:user:U:derived:parts             zset    conversation/id/first/last of what each was computed from
//	tenant:{T}:user:U:cleared                   zset    blobs that are cleared and not yet removed
//	tenant:{T}:idle                             zset    user/conversation by last append
//	tenant:{T}:expiry:blobs, …:expiry:buffers   zset    places by when the oldest in them was taken in
//	tenant:{T}:exhausted                        zset    users whose quota is full, by what they have
//	tenant:{T}:purge                            set     what deletions have left to remove
//	tenant:{T}:op:O                             string  outcome of an operation, or that it was taken over; expires
//	tenant:{T}:idempotency:H                    hash    claim and answer of an Idempotency-Key; expires
//	tenant:{T}:operations                       zset    names of the two above by expiry
//	tenant:{T}:rate:…                           string  bucket of a rate limit; expires
//	raven:{deployment}                          hash    the deployment, its check values, the schema's version
//	raven:{deployment}:restore                  string  which backup's restore is under way, or was cut short
//	raven:tenants                               zset    all tenants
//	raven:{rotating}                            zset    whose data keys rotate: those, and maybe others
//	raven:{rotating}:reserved                   zset    the same by until when they stay on the list
//	raven:{outboxes}                            zset    whose outbox holds events: those, and maybe others
//	raven:{outboxes}:reserved                   zset    the same by until when they stay on the list
//	raven:{deliveries}                          zset    tenants by when their next delivery is due, or earlier
//	raven:{deliveries}:turns                    hash    tenant → who listed it last, until when it may be at it
//	raven:audits                                zset    who has an audit log, and maybe others
//	raven:health                                string  what a health check wrote
//	raven:{deployment}:…, raven:{rate}:…                as above, for what is no tenant's
//
// Emails, references and operations stand in keys percent-encoded where a brace,
// a space or a control character is in them, and hashed where they are very
// long.
package redis
