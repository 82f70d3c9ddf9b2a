package main

// test is the command of end-to-end tests, verbose.
func test(run string) []string {
	return []string{"test", "-count=1", "-v", "-timeout", "24h", "-run", run, "./test/e2e"}
}

// sections are the claims, in the order of the page.
func sections(locomo string) []section {
	list := []section{
		{
			title: "Kills, embedded store", claim: "`kill -9` of Raven under 16 writers loses, doubles and tears nothing that was acknowledged; counters are what a recount gives, events are without gaps.",
			command: test("^TestKillNineLosesAndDoublesNothing$"), short: []string{"RAVEN_TEST_KILLS=50"}, long: []string{"RAVEN_TEST_KILLS=1000"},
		},
		{
			title: "Kills, Redis", claim: "The same for Raven on Redis, and for `kill -9` of redis-server with `appendfsync always`.",
			command: test("^(TestKillNineOnRedisLosesAndDoublesNothing|TestKilledRedisLosesAndDoublesNothing)$"), short: []string{"RAVEN_TEST_KILLS=50"}, long: []string{"RAVEN_TEST_KILLS=1000"},
		},
		{
			title: "Kills, Sentinel", claim: "The same for masters killed behind Sentinel, each change confirmed by a replica.",
			command: test("Master"), short: []string{"RAVEN_TEST_KILLS=5"}, long: []string{"RAVEN_TEST_KILLS=50"},
		},
		{
			title: "Kills, Postgres", claim: "Every event reaches the audit log once, whoever is killed; while Postgres is stopped, no request fails.",
			command: test("^(TestPostgresStoppedFailsNoRequest|TestKillNineOfRavenAndPostgresLosesNoEvent)$"), short: []string{"RAVEN_TEST_KILLS=20"}, long: []string{"RAVEN_TEST_KILLS=200", "RAVEN_TEST_OUTAGE=5m"},
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
			command: test("^TestHostileNeighbourChangesNothing$"), short: []string{"RAVEN_TEST_HOSTILE=50000"}, long: []string{"RAVEN_TEST_HOSTILE=1000000"},
		},
		{
			title: "Isolation: bytes at rest", claim: "Nothing that somebody wrote, in any spelling, is in any file or log.",
			command: test("^TestNoPlaintextAtRestOrInLogs$"),
		},
		{
			title: "Linearizability", claim: "Settings with ETags, users, conversations under a quota, and revocation, over two nodes.",
			command: test("Lineari|Revoked"),
		},
		{
			title: "Any input", claim: "No input on any route is answered with a 5xx, and every refusal says what was wrong.",
			command: test("^TestNoInputIsAnsweredWith5xx$"), short: []string{"RAVEN_TEST_INPUTS=100000"}, long: []string{"RAVEN_TEST_INPUTS=5000000"},
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
			title: "Round trips to Redis", claim: "What each request asks of Redis, the rate limiter included.",
			command: []string{"test", "-count=1", "-v", "-run", "RoundTrips", "./app"},
		},
		{
			title: "Recall's speed, warm", claim: "Search and context at 1,000, 10,000 and 100,000 interactions of a user.",
			command: []string{"test", "-run", "^$", "-bench", "Search|Context", "-benchmem", "./core/recall"},
		},
		{
			title: "Recall's speed, cold", claim: "The first question to a user of 10,000 interactions after a start, with and without segments.",
			command: []string{"test", "-run", "^$", "-bench", "ColdLoad/sqlite/^10000$", "-benchtime", "10x", "./app"},
		},
		{
			title: "Load", claim: "Requests a second beside floors in the same run, in a closed loop and, at a steady rate, in an open one.",
			command: []string{"run", "./test/load", "-connections=32", "-rounds=5"},
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
			})
	}
	return list
}
