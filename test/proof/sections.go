package main

// test is the command of end-to-end tests, verbose.
func test(run string) []string {
	return []string{"test", "-count=1", "-v", "-timeout", "24h", "-run", run, "./test/e2e"}
}

// sections are the claims, in the order of the page.
func sections(locomo string) []section {
	list := []section{
		{
			title: "Chaos", claim: "Whatever is killed, frozen, cut off, full or off its time, of Raven, Redis, a Cluster's masters, Postgres and Vault: what was acknowledged is there once, byte for byte and in order; what was not, at most once and whole. Counters are what a recount gives, events have no gaps, and no answer is a 500.",
			command: []string{"test", "-count=1", "-v", "-timeout", "24h", "-parallel", "4", "./test/chaos"},
			short:   []string{"RAVEN_TEST_KILLS=50"}, long: []string{"RAVEN_TEST_KILLS=1000"},
		},
		{
			title: "Fail-points", claim: "Between every two side effects of every operation a process may die, a call fail before or after it took effect, or take too long: nothing is left half-done, and a repeat makes it whole. The same of changes between the platform's keys and a tenant's own in Vault; and a migration and a restore to Redis may end at a request of theirs.",
			command: []string{"test", "-count=1", "-v", "-timeout", "24h", "./test/failpoints"},
		},
		{
			title: "Kills, Sentinel", claim: "Masters killed behind Sentinel, each change confirmed by a replica, lose nothing that was acknowledged.",
			command: test("Master"), short: []string{"RAVEN_TEST_KILLS=5"}, long: []string{"RAVEN_TEST_KILLS=50"},
		},
		{
			title: "Postgres away", claim: "While Postgres is stopped, no request fails, and every event reaches the audit log afterwards.",
			command: test("^TestPostgresStoppedFailsNoRequest$"), long: []string{"RAVEN_TEST_OUTAGE=5m"},
		},
		{
			title: "Kills, while keys turn", claim: "Data keys are rotated, modes changed and Raven killed at once; nothing becomes unreadable.",
			command: test("KeysTurn"), short: []string{"RAVEN_TEST_KILLS=20"}, long: []string{"RAVEN_TEST_KILLS=200"},
		},
		{
			title: "Rolling restarts", claim: "Two nodes restarted in turn under load drop no request.",
			command: test("Rolling"), short: []string{"RAVEN_TEST_KILLS=8"}, long: []string{"RAVEN_TEST_KILLS=100"},
		},
		{
			title: "Isolation: routes", claim: "Every route refuses who has no key, a bad one, or one without its scope; foreign ids are answered like those that never were.",
			command: test("^(TestEveryRouteAsksForItsScopes|TestNothingOfOneTenantReachesAnother|TestForeignCursorIsRefused)$"),
		},
		{
			title: "Isolation: a hostile neighbour", claim: "A tenant that tries all it knows of another changes none of its answers and learns nothing.",
			command: test("^TestHostileNeighbourChangesNothing$"), short: []string{"RAVEN_TEST_HOSTILE=100000"}, long: []string{"RAVEN_TEST_HOSTILE=1000000"},
		},
		{
			title: "Isolation: everything sealed", claim: "Each sealed record of both stores, read from its raw tables and keys, opens with its own key in its own place and with no other; swapped records are refused.",
			command: test("^(TestNothingSealedOpensElsewhere|TestSwappedRecordsAreRefused)$"),
		},
		{
			title: "Isolation: bytes at rest", claim: "Nothing that somebody wrote, in any spelling, is in any store, log or temporary file; a crash leaves no core dump.",
			command: test("^(TestNoPlaintextAtRestOrInLogs|TestCrashLeavesNoCore)$"),
		},
		{
			title: "Linearizability", claim: "Settings with ETags, users, conversations under a quota, revocation, and the order of a conversation, over two nodes on Redis, also while connections are cut and frozen, and nodes and Redis killed.",
			command: test("Lineari|Revoked"), short: []string{"RAVEN_TEST_HISTORIES=8"}, long: []string{"RAVEN_TEST_HISTORIES=200"},
		},
		{
			title: "Any input", claim: "No input on any route is answered with a 5xx, and every refusal says what was wrong.",
			command: test("^TestNoInputIsAnsweredWith5xx$"), short: []string{"RAVEN_TEST_INPUTS=100000"}, long: []string{"RAVEN_TEST_INPUTS=5000000"},
		},
		{
			title: "Fuzzing", claim: "No parser and no decoder breaks on any input.",
			command: []string{"run", "./test/fuzz"}, short: []string{"-time=20s"}, long: []string{"-time=30m"},
		},
		{
			title: "Tampering with the audit log", claim: "Each way to tamper is found, at the first bad `seq`; with a checkpoint kept elsewhere also a cut tail and a restored old copy.",
			command: test("Tampering|SealedMonths"),
		},
		{
			title: "Breaches", claim: "Each hand-made breach of a promise is noticed by a test.",
			command: []string{"run", "./test/mutation"},
		},
		{
			title: "A thousand nodes", claim: "In a simulation of a thousand nodes, revoked keys are refused on each within a second, and every event is logged once and in order while nodes die.",
			command: []string{"run", "./test/simulation"},
		},
		{
			title: "Bytes of a record, and work in the background", claim: "What each record takes, and what idle tenants cost.",
			command: []string{"test", "-count=1", "-v", "-timeout", "2h", "./test/scale"}, short: []string{"RAVEN_TEST_SCALE=1000"}, long: []string{"RAVEN_TEST_SCALE=1000,10000,100000"},
		},
		{
			title: "Round trips to Redis", claim: "What each request asks of Redis, the rate limiter included.",
			command: []string{"test", "-count=1", "-v", "-run", "RoundTrips", "./app"},
		},
		{
			title: "Speed", claim: "Requests a second, tails and CPU beside floors of the same bytes, in the same run; the goals are 0.5 of the floor on the embedded store, 0.6 on Redis, and p99 of at most 5 times p50.",
			command: []string{"run", "./test/load"}, short: []string{"-connections=32"}, // long: 1, 8, 32 and 128
		},
		{
			title: "Growth", claim: "What a request costs among more and more tenants and users.",
			command: []string{"run", "./test/load"}, short: []string{"-growth=1,100,1000", "-rounds=3"}, long: []string{"-growth=1,10,100,1000,10000"},
		},
		{
			title: "Steadiness", claim: "Under a constant load nothing grows; after it, goroutines and connections are back.",
			command: []string{"run", "./test/load"}, short: []string{"-steady=2m"}, long: []string{"-steady=1h"},
		},
		{
			title: "Recall's speed, warm", claim: "Search and context at 1,000, 10,000 and 100,000 interactions of a user.",
			command: []string{"test", "-run", "^$", "-bench", "Search|Context", "-benchmem", "./core/recall"},
		},
		{
			title: "Recall's speed, cold", claim: "The first question to a user of 10,000 interactions after a start, with and without segments.",
			command: []string{"test", "-run", "^$", "-bench", "ColdLoad/sqlite/^10000$", "-benchtime", "10x", "./app"},
		},
	}
	if locomo != "" {
		list = append(list,
			section{
				title: "Recall", claim: "Evidence recall through the HTTP API, without a model.",
				command: []string{"run", "./test/recall", "-data", locomo},
			},
			section{
				title: "Facts", claim: "A hundred facts that the rules found, judged by hand.",
				command: []string{"run", "./test/facts", "-data", locomo},
			},
			section{
				title: "Beside its peers", claim: "The same turns stored and the same questions asked, in one run; then each is killed.",
				command: []string{"run", "./test/peers", "-data", locomo}, short: []string{"-rounds=1", "-kills=5"},
			})
	}
	return list
}
