package main

const (
	sqliteSuite = "./adapters/sqlite"
	redisSuite  = "./adapters/redis"
)

// breaches are the promises that matter, each broken in the way that a hurried
// change would.
var breaches = []breach{
	// Sealing.
	{"skip the commitment check", "core/envelope.go",
		`if err != nil || subtle.ConstantTimeCompare(commitment, header[envelopeCommit:]) != 1 {`,
		`if err != nil || subtle.ConstantTimeCompare(commitment, commitment) != 1 {`, "./core", "Envelope|Sealed|Commit"},
	{"leave the tenant out of the associated data", "core/envelope.go",
		`string(p.Tenant), string(p.User), string(p.Kind), p.Record,`,
		`string(p.User), string(p.Kind), p.Record,`, "./core", "."},
	{"leave the user out of the associated data", "core/envelope.go",
		`string(p.Tenant), string(p.User), string(p.Kind), p.Record,`,
		`string(p.Tenant), string(p.Kind), p.Record,`, "./core", "."},
	{"leave the kind out of the associated data", "core/envelope.go",
		`string(p.Tenant), string(p.User), string(p.Kind), p.Record,`,
		`string(p.Tenant), string(p.User), p.Record,`, "./core", "."},
	{"leave the record out of the associated data", "core/envelope.go",
		`string(p.Tenant), string(p.User), string(p.Kind), p.Record,`,
		`string(p.Tenant), string(p.User), string(p.Kind),`, "./core", "."},
	{"leave the version out of the associated data", "core/envelope.go",
		`return binary.BigEndian.AppendUint64(out, uint64(p.Version)) //nolint:gosec // a bit pattern`,
		`return binary.BigEndian.AppendUint64(out, 0)`, "./core", "."},
	{"leave the deployment out of the associated data", "core/envelope.go",
		`envelopeAAD, envelopeSuite, deployment,`, `envelopeAAD, envelopeSuite,`, "./core", "."},
	{"leave the header out of the associated data", "core/envelope.go",
		`	out = append(out, header...)
	for _, part`, `	for _, part`, "./core", "."},
	{"join the parts of a place without their lengths", "core/envelope.go",
		`		out = binary.BigEndian.AppendUint32(out, uint32(len(part))) //nolint:gosec // ids are short
`, ``, "./core", "."},
	{"seal everything with the same salt", "core/envelope.go",
		`if _, err := io.ReadFull(random, out[envelopeSalt:envelopeCommit]); err != nil {`,
		`if _, err := io.ReadFull(random, make([]byte, 32)); err != nil {`, "./core", "."},
	{"take the envelope of a suite that is not known", "core/envelope.go",
		`sealed[len(envelopeMagic)] != SuiteHKDFAESGCM {`, `sealed[len(envelopeMagic)] == 0xff {`, "./core", "."},

	{"seal a conversation for any of its user's", "core/keys.go",
		`Kind: KindConversation, Record: string(id), Version: version}`, `Kind: KindConversation, Version: version}`, "./test/e2e", "SwappedRecords"},
	{"seal a buffered interaction for any conversation of its user's", "core/keys.go",
		`	return Place{
		Tenant: tenant, User: user, Kind: KindInteraction,
		Record: string(conversation) + "/" + string(id), Version: 1,
	}`, `	return Place{
		Tenant: tenant, User: user, Kind: KindInteraction,
		Record: string(id), Version: 1,
	}`, "./test/e2e", "SwappedRecords"},
	{"allow core dumps", "app/raven/main.go", `if err := forbidCoreDumps(); err != nil {`, `if err := error(nil); err != nil {`, "./test/e2e", "NoCore"},

	// Keys and scopes.
	{"take an expired key", "core/keys/service.go", `if !key.Live(now) {`, `if key.RevokedAt != nil {`, "./test/e2e", "TestEveryRouteAsks"},
	{"take a revoked key", "core/keys/service.go", `if !key.Live(now) {`, `if key.ExpiresAt != nil && !key.ExpiresAt.After(now) {`, "./test/e2e", "TestEveryRouteAsks"},
	{"let a suspended tenant in", "core/keys/service.go", `if tenant.SuspendedAt != nil {`, `if tenant.SuspendedAt != nil && false {`, "./test/services ./core/keys ./adapters/fiber", "Suspend"},
	{"grant more than the creator has", "core/keys/service.go",
		`	if err := caller.Require(k.Scopes); err != nil {
		return core.IssuedKey{}, err
	}
`, ``, "./test/services ./core/keys", "."},
	{"rotate a key that holds more than the caller", "core/keys/service.go",
		`	if err := caller.Require(old.Scopes); err != nil {
		return core.IssuedKey{}, err
	}
`, ``, "./test/services ./core/keys", "."},
	{"look no further than the checksum's length", "core/keys/token.go",
		`token[tokenLen-checksumLen:] == checksum(token[:tokenLen-checksumLen])`,
		`len(token[tokenLen-checksumLen:]) == checksumLen`, "./core/keys ./test/services", "."},
	{"favour the first characters of base62", "core/keys/token.go", `if b < unbiased && len(out) < n {`, `if b >= 0 && len(out) < n {`, "./core/keys ./test/services", "."},
	{"keep look-ups for a minute", "core/keys/cache.go", `cacheLife = 500 * time.Millisecond`, `cacheLife = 60 * time.Second`, "./test/e2e", "Revoked"},
	{"keep a look-up that began before a revocation", "core/keys/cache.go", `c.changes != changes || `, ``, "./core/keys ./test/services", "."},
	{"take a key again that was found revoked", "core/keys/cache.go", ` || c.found[hash].key.RevokedAt != nil {`, ` {`, "./core/keys", "."},
	{"forget that a key was found revoked", "core/keys/cache.go", `if found.key.RevokedAt == nil {`, `if changes <= c.changes {`, "./core/keys", "."},
	{"forget to ask for a route's scopes", "adapters/fiber/auth.go", `return r.caller.Require(rt.scopes)`, `return nil`, "./adapters/fiber", "Scope"},
	{"let anybody register with any token", "adapters/fiber/auth.go",
		`if err != nil || subtle.ConstantTimeCompare(given[:], s.token[:]) != 1 {`, `if err != nil || subtle.ConstantTimeCompare(given[:], given[:]) != 1 {`, "./adapters/fiber", "Regist"},
	{"believe X-Forwarded-For of anybody", "adapters/fiber/auth.go",
		`i >= 0 && s.trusted(addr); i--`, `i >= 0; i--`, "./adapters/fiber", "."},

	// Cursors.
	{"leave the tenant out of a cursor", "core/cursor.go", `"raven/cursor/v1", string(tenant), list}`, `"raven/cursor/v1", list}`, "./core", "Cursor"},
	{"leave the list out of a cursor", "core/cursor.go", `"raven/cursor/v1", string(tenant), list}`, `"raven/cursor/v1", string(tenant)}`, "./core", "Cursor"},
	{"take a cursor without its MAC", "core/cursor.go", `|| !hmac.Equal(raw[8:], c.mac(tenant, list, raw[:8]))`, ``, "./core", "Cursor"},

	// Quotas and limits.
	{"let one user more than the quota in", "adapters/sqlite/users.go", `if use.Used >= use.Limit {`, `if use.Used > use.Limit {`, sqliteSuite, "TestContract/Users"},
	{"forget to count a user", "adapters/sqlite/users.go", `t.count(core.Usage{Users: 1})`, `t.count(core.Usage{})`, sqliteSuite, "TestContract/Users"},
	{"let a tenant raise its own rate", "core/quotas/service.go", `if own == 0 || s.opt.PerTenant != 0 && s.opt.PerTenant < own {`, `if own == 0 {`, "./core/quotas", "."},
	{"limit each address of a client's IPv6 network by itself", "core/quotas/service.go", `addr.Prefix(64)`, `addr.Prefix(128)`, "./core/quotas", "."},

	// Buffers and blobs.
	{"seal a head that has moved", "adapters/sqlite/buffer.go",
		`e.id != ids[i] || e.number`, `e.id == "" || e.number`, sqliteSuite, "TestContract/Buffer"},
	{"seal what is buffered by the numbers of others", "adapters/sqlite/buffer.go", ` || e.number != numbers[i]`, ``, sqliteSuite, "TestContract/Buffer"},
	{"forget to trim the buffer", "adapters/sqlite/buffer.go",
		`DELETE FROM buffer WHERE conversation = ? AND number <= ?`, `DELETE FROM buffer WHERE conversation = ? AND number < ?`, sqliteSuite, "TestContract/Buffer"},
	{"append to a closed conversation", "adapters/sqlite/append.go", `	if p.closed {
			return core.Appended{}, closed()
		}
		n :=`, `		n :=`, sqliteSuite, "TestContract/Buffer"},
	{"number from where the buffer ends", "adapters/sqlite/append.go",
		`next_number = next_number + ?, appended_at`, `next_number = buffered + ? + 1, appended_at`, sqliteSuite, "TestContract/Buffer"},
	{"forget a change of memory", "adapters/sqlite/append.go",
		`Kind: core.ChangeAppended, Conversation: conversation, First: p.next, Last: p.next + n - 1,`,
		`Kind: core.ChangeAppended, Conversation: conversation, First: p.next, Last: p.next,`, sqliteSuite, "TestContract"},
	{"seal one interaction less than the batch", "core/memory/flush.go", `slices.Chunk(list, int(caller.Settings.BatchSize))`, `slices.Chunk(list, max(int(caller.Settings.BatchSize)-1, 1))`, "./test/services", "."},

	{"put a batch before what is buffered", "adapters/sqlite/append.go", `if int64(len(numbers)) <= p.buffered {`, `if p.buffered > 0 {
		return true
	}
	if len(numbers) == 0 {`, sqliteSuite, "TestContract/Buffer"},
	{"suppose wrong where a conversation ends, and lose what came", "core/memory/full.go", `		return appended, false, nil
	}
	return appended, err == nil, err`, `		return appended, true, nil
	}
	return appended, err == nil, err`, "./test/services", "."},
	{"refuse what is said while the outbox is full", "core/memory/full.go", `errors.Is(err, core.ErrOutboxFull)`, `errors.Is(err, core.ErrMalformed)`, "./test/services", "."},
	{"seal less than is buffered in front of what is new", "core/memory/full.go", `full <= len(held) || `, `full == 0 || `, "./test/services", "."},

	// Redis's scripts.
	{"number a full batch as it was supposed (Redis)", "adapters/redis/scripts/memory/append_sealed.lua", `if ARGV[11 + n + i] ~= int(c.next + i - held - 1) then return {'conflict'} end`, ``, redisSuite, "TestContract$/Buffer"},
	{"run an operation a second time (Redis)", "adapters/redis/scripts/step.lua", `local kept = UNTIL ~= '' and redis.call('GET', OP)`, `local kept = false`, redisSuite, "TestContract$/Buffer/SameOperation"},
	{"let an outbox grow past its bound (Redis)", "adapters/redis/scripts/step.lua", `return events > 0 and redis.call('XLEN', EVENTS) + events > MAX_OUTBOX`, `return false`, redisSuite, "TestContract$/Recorder"},
	{"append to a closed conversation (Redis)", "adapters/redis/scripts/memory/append.lua", `if c.closed then return {'closed'} end`, ``, redisSuite, "TestContract$/Buffer"},
	{"seal a head that has moved (Redis)", "adapters/redis/scripts/memory/commit_flush.lua", `if entry[2][ID] ~= ARGV[10 + i] then return {'conflict'} end`, ``, redisSuite, "TestContract$/Buffer"},
	{"forget to trim the buffer (Redis)", "adapters/redis/scripts/memory/commit_flush.lua", `int(tonumber(number) + 1)`, `int(tonumber(number))`, redisSuite, "TestContract$/Buffer"},
	{"forget to count what was taken in (Redis)", "adapters/redis/scripts/memory/append.lua", `'interactions', int(of_tenant + n)`, `'interactions', int(of_tenant)`, redisSuite, "TestContract$/Buffer"},
	{"take a claim that still runs (Redis)", "adapters/redis/scripts/plain/begin.lua", `elseif not released and now <= tonumber(r[3]) and tonumber(r[3]) <= longest then`, `elseif false then`, redisSuite, "TestContract$/Idempotency"},

	// Idempotency.
	{"replay an answer to another body", "adapters/sqlite/idempotency.go", `		case !there.same(c):
			return core.IdempotencyState{Outcome: core.IdempotencyMismatch, OpID: there.operation}, nil
`, ``, sqliteSuite, "TestContract/Idempotency"},
	{"run a request while the first one runs", "adapters/sqlite/idempotency.go", `case bytes.Equal(there.process, s.process) && there.leased(c):`, `case false:`, sqliteSuite, "TestContract/Idempotency"},

	// Audit.
	{"leave the tenant out of an event's canonical form", "core/audit/canonical.go", `	out = appendText(out, string(e.Tenant))
`, ``, "./core/audit", "."},
	{"leave the actor out of an event's canonical form", "core/audit/canonical.go", `	out = appendText(out, string(e.Actor.Key))
`, ``, "./core/audit", "."},
	{"hash leaves and nodes alike", "core/audit/tree.go", `h.Write([]byte{0})`, `h.Write([]byte{1})`, "./core/audit", "."},
	{"chain a leaf without what is before it", "core/audit/tree.go", `slices.Concat([]byte(chainForm), before[:], leaf[:])`, `slices.Concat([]byte(chainForm), leaf[:])`, "./core/audit", "."},

	// Rotation of keys.
	{"destroy a data key that something is under", "core/sealing/reencrypt.go", `	if w.found > 0 { // re-encrypted now; a later look may find none
		return nil
	}
`, `	if w.found < 0 {
		return nil
	}
`, "./core/sealing", "."},
	{"destroy a data key while others may seal by it", "core/sealing/reencrypt.go",
		`key.CreatedAt.Add(r.keep)`, `key.CreatedAt`, "./core/sealing", "."},
	{"go on past events that a sink refused", "core/relay/deliver.go",
		`if err := l.hand(ctx, tenant, events); err != nil {`, `if err := l.hand(ctx, tenant, events); err != nil && ctx.Err() != nil {`, "./core/relay", "."},

	// Forgetting.
	{"unlearn of an interaction that is elsewhere", "core/memory/forget.go", `		blob, err := s.holder(ctx, caller.Tenant, user, conversation, id)
		if err != nil {
			return err
		}
`, `		if err := s.unlearn(ctx, caller, user, []core.InteractionID{id}); err != nil {
			return err
		}
		blob, err := s.holder(ctx, caller.Tenant, user, conversation, id)
		if err != nil {
			return err
		}
`, "./test/e2e", "FactsAreLearnt"},
	{"expire a blob with what is not expired", "core/memory/expire.go",
		`func(in core.Interaction) bool { return !in.AcceptedAt.After(cutoff) })`, `func(core.Interaction) bool { return true })`, "./test/services", "."},

	// Moves, backups, dropped months.
	{"finish a tenant before its users are there", "core/transfer/transfer.go", `	if err := m.users(ctx, progress); err != nil {
		return err
	}
	if !progress.Skipped {
		if err := m.to.FinishTenant(ctx, image); err != nil {
			return err
		}
	}
`, `	if !progress.Skipped {
		if err := m.to.FinishTenant(ctx, image); err != nil {
			return err
		}
	}
	if err := m.users(ctx, progress); err != nil {
		return err
	}
`, "./test/failpoints", "MovesMayEnd/migrate"},
	{"name a backup before it is written", "app/backup.go", `	if err = write(f); err == nil {
		err = f.Sync()
	}
	info, bad := f.Stat()
	if err = errors.Join(err, bad, f.Close()); err != nil {
		return 0, err
	}
	return info.Size(), putInPlace(f.Name(), path)
`, `	if err = errors.Join(putInPlace(f.Name(), path), write(f)); err == nil {
		err = f.Sync()
	}
	info, bad := f.Stat()
	if err = errors.Join(err, bad, f.Close()); err != nil {
		return 0, err
	}
	return info.Size(), nil
`, "./test/e2e", "BackupThat"},
	{"leave what was written of a backup", "app/backup.go", `	defer os.Remove(f.Name()) //nolint:errcheck // it is gone where it was renamed
`, ``, "./test/e2e", "BackupThat"},
	{"drop months in more than one step", "adapters/postgres/retention.go", `		return dropPartitions(ctx, tx, monthOf(before))
`, `		if _, err := tx.Exec(ctx, "COMMIT"); err != nil {
			return err
		}
		return dropPartitions(ctx, tx, monthOf(before))
`, "./test/e2e", "SealedMonthsMayEnd"},

	// Webhooks and outbound requests.
	{"sign with a secret whose time is over", "core/webhooks/sign.go", `if s.Until.IsZero() || s.Until.After(now) {`, `if true {`, "./core/webhooks ./test/services", "."},
	{"sign without the time", "core/webhooks/sign.go", `string(id)+"."+at+"."`, `string(id)+"."`, "./core/webhooks ./test/services", "."},
	{"send on after a 410", "core/webhooks/sign.go", `case w.Disabled:`, `case false:`, "./core/webhooks ./test/services", "."},
	{"follow redirects", "adapters/outbound/client.go", `CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },`, ``, "./adapters/outbound", "."},
	{"send a user's name and password along", "adapters/outbound/client.go", `	case req.URL.User != nil:
`, `	case req.URL.User != nil && false:
`, "./adapters/outbound", "."},
	{"let tenants reach private networks", "adapters/outbound/guard.go", `core.PublicAddress(addr) && !g.own(addr)`, `(core.PublicAddress(addr) || true) && !g.own(addr)`, "./adapters/outbound", "."},
	{"let tenants reach this machine by its public address", "adapters/outbound/guard.go", `core.PublicAddress(addr) && !g.own(addr)`, `core.PublicAddress(addr)`, "./adapters/outbound", "."},
	{"read a receiver's answer without end", "adapters/outbound/client.go", `io.LimitReader(resp.Body, maxBodyBytes)`, `resp.Body`, "./adapters/outbound", "."},
}
