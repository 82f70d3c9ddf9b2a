package app

// addFigures adds to the metrics what the services tell of themselves.
func (a *App) addFigures() {
	m := a.metrics
	m.Gauge("raven_recall_index_bytes", "Memory of the search indexes, by estimate.", nil,
		func() float64 { return float64(a.recall.Stats().Bytes) })
	m.Gauge("raven_recall_index_max_bytes", "Most memory that the search indexes may take.", nil,
		func() float64 { return float64(a.cfg.Recall.MaxBytes) })
	m.Gauge("raven_recall_index_users", "Users whose search index is in memory.", nil,
		func() float64 { return float64(a.recall.Stats().Users) })
	m.Counter("raven_recall_index_hits_total", "Questions that an index in memory answered as it was.", nil,
		func() uint64 { return a.recall.Stats().Hits })
	m.Counter("raven_recall_index_follows_total", "Times that an index in memory was brought up to date.", nil,
		func() uint64 { return a.recall.Stats().Follows })
	m.Counter("raven_recall_index_builds_total", "Indexes that were built from the store.", nil,
		func() uint64 { return a.recall.Stats().Builds })
	m.Gauge("raven_facts_waiting", "Ingests whose facts are still to be looked for.", nil,
		func() float64 { return float64(len(a.learner.queue)) })
	a.addModelFigures()
	a.addCaches()
	a.addLags()
	if a.holders.broken != nil {
		m.Gauge("raven_key_service_broken", "1 while Vault is not asked because it failed several times in a row.", nil,
			func() float64 { return flag(a.holders.broken()) })
	}
}

func (a *App) addCaches() {
	cache := func(name string, stats func() (hits, misses uint64)) {
		label := func(result string) map[string]string { return map[string]string{"cache": name, "result": result} }
		const metric, help = "raven_cache_requests_total", "Look-ups in a cache."
		a.metrics.Counter(metric, help, label("hit"), func() uint64 { hits, _ := stats(); return hits })
		a.metrics.Counter(metric, help, label("miss"), func() uint64 { _, misses := stats(); return misses })
	}
	cache("api_keys", func() (uint64, uint64) { s := a.keys.Stats(); return s.Hits, s.Misses })
	cache("data_keys", func() (uint64, uint64) { s := a.sealing.Stats(); return s.Hits, s.Misses })
}

// addLags tells of every sink of events how far behind it is.
func (a *App) addLags() {
	if a.audit.relay == nil {
		return
	}
	for name := range a.audit.relay.State() {
		sink := map[string]string{"sink": name}
		a.metrics.Gauge("raven_outbox_lag_events", "Events that a sink does not have yet.", sink,
			func() float64 { return float64(a.audit.relay.State()[name].Events) })
		a.metrics.Gauge("raven_outbox_lag_most_events", "Events of the tenant with most of them that a sink does not have yet.", sink,
			func() float64 { return float64(a.audit.relay.State()[name].Most) })
		a.metrics.Gauge("raven_outbox_lag_seconds", "Age of the oldest event that a sink does not have yet.", sink,
			func() float64 {
				since := a.audit.relay.State()[name].Since
				if since.IsZero() {
					return 0
				}
				return a.clock.Now().Sub(since).Seconds()
			})
		a.metrics.Gauge("raven_outbox_sink_down", "1 while events can't be handed to a sink.", sink,
			func() float64 { return flag(a.audit.relay.State()[name].Down) })
	}
	a.metrics.Gauge("raven_outbox_max_events", "Events of a tenant that may wait; past it, its changes are refused.", nil,
		func() float64 { return float64(a.cfg.Audit.MaxOutbox) })
}

func flag(on bool) float64 {
	if on {
		return 1
	}
	return 0
}
