package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/raven-memory/raven/test/locomo"
	"github.com/raven-memory/raven/test/machine"
)

const (
	// phaseTime is the longest that one peer may take for one round of anything.
	phaseTime = 15 * time.Minute
	// killedAfter is the longest that a peer stores before it is killed.
	killedAfter = 1500 * time.Millisecond
	killedUser  = "conv-kill"
)

// result is what was measured of a peer.
type result struct {
	peer    peer
	version string
	err     error // the first, after which it was left alone

	alone, together []float64 // turns a second, by round
	asked           store     // open for the questions
	lost            int       // of all that clients at once had acknowledged in the last round
	found           map[string]*locomo.Figures
	bytes           int64
	killed          ledger
}

// ledger is what became of turns under kills.
type ledger struct {
	kills, acknowledged, lost, doubled int
	unacknowledged                     int // and there all the same
}

// measurement is one run.
type measurement struct {
	options
	dir    string
	work   *work
	random *rand.Rand
	load   string // average, at the start
	opened int
}

func (m *measurement) run(ctx context.Context, results []*result) {
	m.load = machine.Load()
	for round := range m.rounds {
		m.each(ctx, results, fmt.Sprint("storing, round ", round+1), func(ctx context.Context, r *result) error {
			return m.alone(ctx, r, round == m.rounds-1)
		})
	}
	m.ask(ctx, results)
	for round := range m.rounds {
		m.each(ctx, results, fmt.Sprint("storing at once, round ", round+1), m.together)
	}
	for round := range m.kills {
		m.each(ctx, results, fmt.Sprint("kill ", round+1), m.kill)
	}
	for _, r := range results {
		r.version = r.peer.version()
	}
}

// each does something with each peer that has not failed yet.
func (m *measurement) each(ctx context.Context, results []*result, doing string, do func(context.Context, *result) error) {
	for _, r := range results {
		if r.err != nil || ctx.Err() != nil {
			continue
		}
		began := time.Now()
		r.err = guarded(func() error {
			ctx, cancel := context.WithTimeout(ctx, phaseTime)
			defer cancel()
			return do(ctx, r)
		})
		log.Printf("%s: %s: %s", doing, r.peer.name, time.Since(began).Round(time.Millisecond))
		if r.err != nil {
			r.err = fmt.Errorf("%s: %w", doing, r.err)
			log.Print(r.peer.name, ": ", r.err)
		}
	}
}

// guarded turns a panic into an error.
func guarded(do func() error) (err error) {
	defer func() {
		if said := recover(); said != nil {
			err = fmt.Errorf("%v", said)
		}
	}()
	return do()
}

// place is a directory that was not used before.
func (m *measurement) place() string {
	m.opened++
	return filepath.Join(m.dir, fmt.Sprint("store", m.opened))
}

// alone stores everything one turn after the other. In the last round it leaves
// the store open for the questions.
func (m *measurement) alone(ctx context.Context, r *result, last bool) error {
	s, err := r.peer.open(ctx, m.place())
	if err != nil {
		return err
	}
	began := time.Now()
	for _, session := range m.work.sessions {
		for _, e := range session {
			if err := s.add(ctx, e); err != nil {
				s.kill()
				return err
			}
		}
	}
	r.alone = append(r.alone, float64(m.work.turns)/time.Since(began).Seconds())
	log.Printf("%s: %.0f turns/s", r.peer.name, r.alone[len(r.alone)-1])
	if last {
		r.asked = s
		return nil
	}
	_, err = s.close()
	return err
}

// ask puts each question to one peer after the other, so that a minute in which
// the machine is busy is the same for all.
func (m *measurement) ask(ctx context.Context, results []*result) {
	m.each(ctx, results, "settling", func(ctx context.Context, r *result) error {
		r.found = map[string]*locomo.Figures{}
		for _, how := range r.peer.searches {
			r.found[how] = locomo.NewFigures()
		}
		return r.asked.settle(ctx)
	})
	log.Print("asking")
	for _, sample := range m.work.samples {
		for _, q := range sample.Questions {
			for _, r := range results {
				if r.err == nil && ctx.Err() == nil && q.Counts() {
					r.err = guarded(func() error { return r.ask(ctx, sample.ID, q) })
				}
			}
		}
	}
	for _, r := range results {
		if r.asked != nil && (r.err != nil || ctx.Err() != nil) {
			r.asked.kill()
		}
	}
	m.each(ctx, results, "closing", func(_ context.Context, r *result) (err error) {
		r.bytes, err = r.asked.close()
		return err
	})
}

func (r *result) ask(ctx context.Context, user string, q locomo.Question) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, how := range r.peer.searches {
		began := time.Now()
		turns, err := r.asked.search(ctx, how, user, q.Question)
		if err != nil {
			return fmt.Errorf("%s of %q: %w", how, q.Question, err)
		}
		r.found[how].Add(q, turns, time.Since(began))
	}
	return nil
}

// together stores everything by several clients at once, a session each.
func (m *measurement) together(ctx context.Context, r *result) error {
	s, err := r.peer.open(ctx, m.place())
	if err != nil {
		return err
	}
	sessions := make(chan []entry, len(m.work.sessions))
	for _, session := range m.work.sessions {
		sessions <- session
	}
	close(sessions)
	errs := make([]error, m.clients)
	began := time.Now()
	var wg sync.WaitGroup
	for client := range m.clients {
		wg.Go(func() {
			for session := range sessions {
				for _, e := range session {
					if errs[client] == nil {
						errs[client] = s.add(ctx, e)
					}
				}
			}
		})
	}
	wg.Wait()
	rate := float64(m.work.turns) / time.Since(began).Seconds()
	if err := errors.Join(errs...); err != nil {
		s.kill()
		return err
	}
	r.together = append(r.together, rate)
	r.lost, err = m.missing(ctx, s)
	_, failed := s.close()
	return errors.Join(err, failed)
}

// missing counts the turns that a store does not have.
func (m *measurement) missing(ctx context.Context, s store) (int, error) {
	there := 0
	for _, sample := range m.work.samples {
		turns, err := s.turns(ctx, sample.ID)
		if err != nil {
			return 0, err
		}
		slices.Sort(turns)
		there += len(slices.Compact(turns))
	}
	return m.work.turns - there, nil
}

// kill kills a peer while it stores one turn after the other, starts it again and
// counts what it has.
func (m *measurement) kill(ctx context.Context, r *result) error {
	dir := m.place()
	s, err := r.peer.open(ctx, dir)
	if err != nil {
		return err
	}
	first := m.work.sessions[0][0]
	first.User, first.Turn = killedUser, "T0" // so that it is there, and warm
	if err := s.add(ctx, first); err != nil {
		s.kill()
		return err
	}
	dead := make(chan struct{})
	time.AfterFunc(time.Duration(m.random.Int64N(int64(killedAfter))), func() { s.kill(); close(dead) })
	acknowledged, sent := m.storeUntilDead(ctx, s)
	<-dead
	if s, err = r.peer.open(ctx, dir); err != nil {
		return fmt.Errorf("it does not start again: %w", err)
	}
	turns, err := s.turns(ctx, killedUser)
	r.killed.count(turns, acknowledged, sent)
	_, failed := s.close()
	return errors.Join(err, failed)
}

// storeUntilDead gives how many turns were acknowledged and how many were sent,
// the first that killed the peer included.
func (m *measurement) storeUntilDead(ctx context.Context, s store) (acknowledged, sent int) {
	acknowledged, sent = 1, 1
	for {
		for _, session := range m.work.sessions {
			for _, e := range session {
				e.User, e.Session, e.Turn = killedUser, "session-1", fmt.Sprint("T", sent)
				sent++
				if s.add(ctx, e) != nil {
					return acknowledged, sent
				}
				acknowledged++
			}
		}
	}
}

// count books what is there of the turns T0 to Tn, of which all but the last were
// acknowledged.
func (l *ledger) count(turns []string, acknowledged, sent int) {
	times := map[string]int{}
	for _, t := range turns {
		times[t]++
	}
	l.kills++
	l.acknowledged += acknowledged
	for n := range sent {
		there := times[fmt.Sprint("T", n)]
		switch {
		case there > 1:
			l.doubled++
		case n >= acknowledged:
			l.unacknowledged += there
		case there == 0:
			l.lost++
		}
	}
}
