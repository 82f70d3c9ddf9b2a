package app

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/raven-memory/raven/core"
)

const (
	embedWorkers = 2
	// embedQueue is how many users wait to have memory embedded, and
	// embedStretches how many conversations of each. Past it an ingest is passed
	// over: what has no vector is found when the user's memory is next searched.
	embedQueue     = 10_000
	embedStretches = 64
	// embedLater is how long a search that found vectors missing waits for them
	// to come by the ingest, on this server or another.
	embedLater = time.Second
	// embedTime bounds the work for one user at a time; what was done until then
	// is kept.
	embedTime = 5 * time.Minute
	// The pause after a failure, for all; twice as long each time.
	embedPause   = time.Second
	embedLongest = time.Minute
	// embedTries is how often a user's work is tried that fails though the
	// embedder and the store are there.
	embedTries = 10
)

// embedding has vectors of memory computed, after the answer.
type embedding struct {
	*App
	asked bool // there is an embedder
	wake  chan struct{}

	mu     sync.Mutex
	users  map[whose]*embedWork
	order  []whose // those of them that wait, the first one first
	after  time.Time
	failed int // in a row, of any user
}

type whose struct {
	tenant core.TenantID
	user   core.UserID
}

// embedWork is what is to be done for a user.
type embedWork struct {
	stretches map[core.ConversationID]core.DerivedPart
	missing   bool      // look for what has no vector
	due       time.Time // not before
	busy      bool      // some is being done; then the user is not in order
	tries     int
}

func newEmbedding(a *App) *embedding {
	return &embedding{App: a, asked: a.models.embedder != nil, wake: make(chan struct{}, 1), users: map[whose]*embedWork{}}
}

// hear takes in what there is to embed; it never waits.
func (e *embedding) hear(caller core.Caller, user core.UserID, list []core.Interaction) {
	if !e.asked || len(list) == 0 {
		return
	}
	part := core.DerivedPart{Conversation: list[0].Conversation, First: list[0].Number, Last: list[len(list)-1].Number}
	e.add(whose{caller.Tenant, user}, func(w *embedWork) {
		if was, waits := w.stretches[part.Conversation]; waits {
			part.First, part.Last = min(part.First, was.First), max(part.Last, was.Last)
		} else if len(w.stretches) == embedStretches {
			return
		}
		w.stretches[part.Conversation] = part
		w.due = time.Time{}
	})
}

// want is told of a user some of whose memory may have no vector.
func (e *embedding) want(tenant core.TenantID, user core.UserID) {
	e.add(whose{tenant, user}, func(w *embedWork) {
		if !w.missing && len(w.stretches) == 0 {
			w.due = e.clock.Now().Add(embedLater)
		}
		w.missing = true
	})
}

func (e *embedding) add(who whose, change func(*embedWork)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w := e.users[who]
	if w == nil {
		if len(e.users) >= embedQueue {
			return
		}
		w = &embedWork{stretches: map[core.ConversationID]core.DerivedPart{}}
		e.users[who] = w
		e.order = append(e.order, who)
	}
	change(w)
	select {
	case e.wake <- struct{}{}:
	default: // somebody is about to look
	}
}

// waiting is how many users have something to be done.
func (e *embedding) waiting() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.users)
}

// take gives work that is due, or how long to wait for some.
func (e *embedding) take() (who whose, work embedWork, wait time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.clock.Now()
	if wait = e.after.Sub(now); wait > 0 {
		return who, work, min(wait, embedLongest)
	}
	wait = embedLongest
	for i, who := range e.order {
		w := e.users[who]
		if left := w.due.Sub(now); left > 0 {
			wait = min(wait, left)
			continue
		}
		work = *w
		*w = embedWork{stretches: map[core.ConversationID]core.DerivedPart{}, busy: true, tries: work.tries}
		e.order = slices.Delete(e.order, i, i+1)
		return who, work, 0
	}
	return who, work, wait
}

// done notes what came of work.
func (e *embedding) done(ctx context.Context, who whose, work embedWork, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w := e.users[who]
	w.busy = false
	switch {
	case err == nil:
		e.failed, w.tries = 0, 0
	case ctx.Err() != nil: // the server stops
	case core.Is(err, core.CodeUnavailable):
		e.after = e.clock.Now().Add(pauseAfter(e.failed))
		e.failed++
		w.again(work)
	case errors.Is(err, context.DeadlineExceeded): // others have their turn; it goes on after
		w.again(work)
	case w.tries < embedTries:
		w.due = e.clock.Now().Add(pauseAfter(w.tries))
		w.tries++
		w.again(work)
	default:
		e.report(ctx, "computing vectors", err)
	}
	if len(w.stretches) > 0 || w.missing {
		e.order = append(e.order, who)
	} else {
		delete(e.users, who)
	}
}

// pauseAfter is how long to wait after so many failures and one more.
func pauseAfter(failures int) time.Duration { return min(embedPause<<min(failures, 6), embedLongest) }

// again puts back what was not done.
func (w *embedWork) again(work embedWork) {
	w.missing = w.missing || work.missing
	for id, part := range work.stretches {
		if now, waits := w.stretches[id]; waits {
			part.First, part.Last = min(part.First, now.First), max(part.Last, now.Last)
		}
		w.stretches[id] = part
	}
}

// work embeds until ctx is done. What still waits then is found again when the
// user's memory is next searched.
func (e *embedding) work(ctx context.Context) {
	for ctx.Err() == nil {
		who, work, wait := e.take()
		if wait > 0 {
			timer := time.NewTimer(wait)
			select {
			case <-e.wake:
			case <-timer.C:
			case <-ctx.Done():
			}
			timer.Stop()
			continue
		}
		e.done(ctx, who, work, e.embed(ctx, who, work))
	}
}

func (e *embedding) embed(ctx context.Context, who whose, work embedWork) error {
	ctx, cancel := context.WithTimeout(ctx, embedTime)
	defer cancel()
	for id, part := range work.stretches {
		done, err := e.recall.EmbedStretch(ctx, who.tenant, who.user, id, part.First, part.Last)
		if err != nil {
			part.First = max(part.First, done+1)
			work.stretches[id] = part
			return err
		}
		delete(work.stretches, id)
	}
	if !work.missing {
		return nil
	}
	return e.recall.EmbedMissing(ctx, who.tenant, who.user)
}
