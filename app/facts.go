package app

import (
	"context"
	"slices"
	"time"

	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/facts"
)

const (
	// heardQueue is how many ingests wait for their facts to be found. Past it,
	// those of an ingest are not looked for: an agent's memory works without.
	heardQueue = 1000
	learnTries = 5
	learnPause = 200 * time.Millisecond
)

// rules finds facts by patterns.
type rules struct{ facts.Rules }

// Extract never fails.
func (r rules) Extract(_ context.Context, list []core.Interaction) ([]core.FactCandidate, error) {
	var found []core.FactCandidate
	for _, in := range list {
		found = append(found, r.Rules.Extract(in)...)
	}
	return found, nil
}

// extractor is what finds facts, as it is configured; nil for nothing.
func (a *App) extractor() facts.Extractor {
	if a.cfg.Extractor.Provider == config.ExtractorRules {
		return rules{}
	}
	return nil
}

// heard is what one ingest took in.
type heard struct {
	caller core.Caller
	user   core.UserID
	list   []core.Interaction
}

// learner finds facts in what was taken in, after the answer.
type learner struct {
	*App
	queue chan heard
}

func newLearner(a *App) *learner { return &learner{App: a, queue: make(chan heard, heardQueue)} }

// hear takes in what there is to learn from; it never waits.
func (l *learner) hear(caller core.Caller, user core.UserID, list []core.Interaction) {
	if l.facts.Extract == nil {
		return
	}
	select {
	case l.queue <- heard{caller, user, list}:
	default:
		l.log.Warn("facts of an ingest were not looked for: too many are waiting", "tenant", string(caller.Tenant))
	}
}

// work learns until ctx is done, and then what is still waiting.
func (l *learner) work(ctx context.Context) {
	for {
		select {
		case h := <-l.queue:
			l.learn(context.WithoutCancel(ctx), h)
		case <-ctx.Done():
			l.drain(context.WithoutCancel(ctx))
			return
		}
	}
}

func (l *learner) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.HTTP.ShutdownTimeout)
	defer cancel()
	for ctx.Err() == nil {
		select {
		case h := <-l.queue:
			l.learn(ctx, h)
		default:
			return
		}
	}
}

// learn tries a few times. What can't be learnt then is reported and let go.
func (l *learner) learn(ctx context.Context, h heard) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.HTTP.RequestTimeout)
	defer cancel()
	var err error
	for try := range learnTries {
		if err = l.try(ctx, h); err == nil || core.Is(err, core.CodeNotFound) || core.Is(err, core.CodeQuotaExhausted) {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(learnPause << try):
		}
	}
	l.report(ctx, "learning facts", err)
}

// try learns, and forgets again what rests on interactions that were forgotten
// in the meantime.
func (l *learner) try(ctx context.Context, h heard) error {
	if err := l.facts.Learn(ctx, h.caller, h.user, h.list); err != nil {
		return err
	}
	missing, err := l.memory.Missing(ctx, h.caller.Tenant, h.user, h.list[0].Conversation, h.list)
	if err != nil || len(missing) == 0 {
		return err
	}
	return l.facts.Unlearn(ctx, h.caller, h.user, func(from core.FactSource) bool { return slices.Contains(missing, from.Interaction) })
}
