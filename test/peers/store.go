package main

import (
	"context"
	"fmt"
	"time"

	"github.com/raven-memory/raven/test/locomo"
)

// peer is a memory that is measured.
type peer struct {
	name string
	how  string // it is set up and what cannot be compared, for the table
	// version is asked when it has run.
	version func() string
	// searches are the ways it can be asked; the first is the usual one.
	searches []string
	// open starts it on a directory, again on what an earlier life has left.
	open func(ctx context.Context, dir string) (store, error)
}

// store is a peer that runs. Users are samples.
type store interface {
	// add stores a turn; on return it is acknowledged. It may be called from
	// several goroutines at once.
	add(ctx context.Context, e entry) error
	// settle waits for what the store does after its answers.
	settle(ctx context.Context) error
	// search gives the ids of turns, best first, at most locomo.Limit.
	search(ctx context.Context, how, user, question string) ([]string, error)
	// turns gives the ids of all turns that the store has of a user.
	turns(ctx context.Context, user string) ([]string, error)
	// kill ends it as SIGKILL does.
	kill()
	// close ends it in good order and gives the bytes that it has stored.
	close() (bytes int64, err error)
}

// entry is a turn as it is stored. Its id is the sample's own.
type entry struct {
	User    string `json:"user"`
	Session string `json:"session"`
	Turn    string `json:"turn"`
	Role    string `json:"role"`
	Speaker string `json:"speaker"`
	At      string `json:"at"`
	Content string `json:"content"`
}

// text is the entry with its speaker, for those that have no field for one.
func (e entry) text() string { return e.Speaker + ": " + e.Content }

// work is what everybody has to do.
type work struct {
	samples   []locomo.Sample
	sessions  [][]entry
	turns     int
	questions int
	bytes     int64 // of contents
}

func newWork(samples []locomo.Sample) *work {
	w := &work{samples: samples}
	for _, s := range samples {
		for _, q := range s.Questions {
			if q.Counts() {
				w.questions++
			}
		}
		for number, session := range s.Sessions {
			var list []entry
			for _, t := range session.Turns {
				list = append(list, entry{
					User: s.ID, Session: fmt.Sprint("session-", number+1), Turn: t.ID, Role: t.Role,
					Speaker: t.Speaker, At: t.At.Format(time.RFC3339), Content: t.Content(),
				})
				w.bytes += int64(len(t.Content()))
			}
			w.turns += len(list)
			w.sessions = append(w.sessions, list)
		}
	}
	return w
}
