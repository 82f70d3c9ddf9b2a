package main

import (
	"bufio"
	"encoding/json"
	"io"
	"slices"
	"testing"
)

func TestLedgerTellsLostDoubledAndUnacknowledgedApart(t *testing.T) {
	t.Parallel()
	var l ledger
	l.count([]string{"T0", "T2", "T2", "T3"}, 3, 4) // T1 is lost, T2 there twice, T3 was not acknowledged
	if want := (ledger{kills: 1, acknowledged: 3, lost: 1, doubled: 1, unacknowledged: 1}); l != want {
		t.Errorf("got %+v, want %+v", l, want)
	}
}

// TestPeersOfAFewLinesKeepAndFind has both stored to and asked as a child is, and
// once more after a new start.
func TestPeersOfAFewLinesKeepAndFind(t *testing.T) {
	t.Parallel()
	for name, finds := range map[string][]string{"fts": {"b"}, "last": {"b", "a"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			talk(t, name, dir,
				request{Op: "add", entry: entry{User: "u", Turn: "a", Speaker: "Ada", Content: "It rained."}},
				request{Op: "add", entry: entry{User: "u", Turn: "b", Speaker: "Ada", Content: "The parcel left."}},
				request{Op: "add", entry: entry{User: "v", Turn: "c", Speaker: "Bob", Content: "A parcel came."}})
			got := talk(t, name, dir, request{Op: "search", Query: "Which parcels?", entry: entry{User: "u"}}, request{Op: "turns", entry: entry{User: "u"}})
			if !slices.Equal(got[0].Result, finds) || !slices.Equal(got[1].Result, []string{"a", "b"}) {
				t.Errorf("it finds %v of %v", got[0], got[1])
			}
		})
	}
}

// talk sends requests one after the other and ends the conversation.
func talk(t *testing.T, name, dir string, requests ...request) (replies []reply) {
	t.Helper()
	in, toIt := io.Pipe()
	fromIt, out := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- serve(name, dir, in, out) }()
	lines := bufio.NewReader(fromIt)
	for n, r := range requests {
		r.Number = n + 1
		if err := json.NewEncoder(toIt).Encode(r); err != nil {
			t.Fatal(err)
		}
		line, err := lines.ReadBytes('\n')
		var got reply
		if err != nil || json.Unmarshal(line, &got) != nil || got.Error != "" || got.Number != n+1 {
			t.Fatalf("request %d is answered %q, %v", n+1, line, err)
		}
		replies = append(replies, got)
	}
	_ = toIt.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	return replies
}
