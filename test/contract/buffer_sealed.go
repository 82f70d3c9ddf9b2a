package contract

import (
	"slices"

	"github.com/raven-memory/raven/core"
)

// sealing makes an append to a stage's conversation, of which so many are sealed
// with what is held.
func (w *World) sealing(s stage, held []core.BufferEntry, next int64, n, sealed, size int) core.AppendSealed {
	w.T.Helper()
	return w.MakeAppendSealed(w.MakeAppend(s.user, s.conversation, n), s.tenant, held, next, sealed, size)
}

func appendSealedIsBothInOne(w *World) {
	for _, c := range []struct{ held, n, sealed, size int }{
		{0, 4, 4, 4}, {0, 7, 6, 3}, {3, 1, 1, 4}, {3, 8, 5, 4}, {5, 2, 1, 2}, {0, core.MaxInteractions, core.MaxInteractions, 1},
	} {
		s := w.freshConversation(w.stage())
		var held []core.BufferEntry
		if c.held > 0 {
			held = w.MustAppend(s.tenant, s.user, s.conversation, c.held)
		}
		w.appendsSealed(s, held, w.sealing(s, held, int64(c.held)+1, c.n, c.sealed, c.size))
	}
}

// appendsSealed holds that an append does all that it should.
func (w *World) appendsSealed(s stage, held []core.BufferEntry, a core.AppendSealed) {
	w.T.Helper()
	before, version, last := w.mustUsage(s.tenant), w.mustVersion(s), w.lastSeq(s.tenant)
	given, next := dump(a), int64(len(held))+1
	fresh := slices.Concat(a.Head[len(held):], entryIDs(a.Entries))
	n, rest := int64(len(fresh)), int64(len(a.Entries))
	changes := []core.Change{{
		Version: version + 1, Kind: core.ChangeAppended, Conversation: s.conversation, First: next, Last: next + n - 1,
	}}
	after := before
	after.Interactions += n
	after.Buffered += rest - int64(len(held))
	after.Blobs += int64(len(a.Blobs))
	for i, b := range a.Blobs {
		after.BlobBytes += b.Size
		changes = append(changes, core.Change{
			Version: version + int64(i) + 2, Kind: core.ChangeSealed, Conversation: s.conversation, Blob: b.ID,
			First: b.Numbers[0], Last: b.Numbers[len(b.Numbers)-1],
		})
	}
	got, err := w.AppendSealed(w.Ctx, s.tenant, w.Op(), a)
	w.ok(err)
	w.equal("what was handed in, after the call,", dump(a), given)
	w.equal("what the append returned", got, core.Appended{IDs: fresh, First: next, Buffered: rest, Blobs: blobIDs(a.Blobs)})
	for _, b := range a.Blobs {
		stored := w.mustBlob(s.tenant, s.user, b.ID)
		b.Position = stored.Position
		w.equal("a blob", stored, b)
	}
	want := numbered(a.Entries, next+n-rest)
	buffer := w.mustBuffered(s)
	for i := range min(len(want), len(buffer)) {
		want[i].Position = buffer[i].Position
	}
	w.equal("the buffer", len(buffer), len(want))
	w.equal("the buffer", slices.Clip(buffer), want[:len(want):len(want)])
	w.equal("the changes", w.mustChanges(s.tenant, s.user, version), changes)
	a.Event.Seq = last + 1
	w.equal("the events", w.mustEvents(s.tenant, last), []core.Event{a.Event})
	w.equal("the usage", w.mustUsage(s.tenant), after)
	c := w.mustConversation(s.tenant, s.user, s.conversation)
	w.equal("the counters", []int64{c.Interactions, c.Buffered, c.NextNumber}, []int64{next + n - 1, rest, next + n})
	w.Recount(s.tenant)
}

func appendSealedChecksWhatIsThere(w *World) {
	s := w.stage()
	e := s.entries
	next := e[len(e)-1].Number + 1
	other := w.freshConversation(s)
	foreign := w.MustAppend(s.tenant, s.user, other.conversation, 1)
	foreign[0].Conversation = s.conversation
	w.unchanged(func() {
		for name, a := range map[string]core.AppendSealed{
			"what is buffered is left out":   w.sealing(s, nil, next, 2, 2, 2),
			"the last buffered is left out":  w.sealing(s, e[:2], next, 2, 2, 2),
			"the first buffered is left out": w.sealing(s, e[1:], next, 2, 2, 2),
			"in another order":               w.sealing(s, []core.BufferEntry{e[1], e[0], e[2]}, next, 2, 2, 2),
			"another's is taken":             w.sealing(s, []core.BufferEntry{e[0], e[1], foreign[0]}, next, 2, 2, 2),
			"nothing is new":                 w.sealing(s, e, next, 2, 0, 2),
			"numbers are taken":              w.sealing(s, e, next-1, 2, 2, 2),
			"numbers are left out":           w.sealing(s, e, next+1, 2, 2, 2),
			"a number is another's":          w.sealing(s, renumbered(e), next, 2, 2, 2),
			"too many ids":                   tooMany(w, w.sealing(s, e, next, 2, 2, 2)),
			"too few ids":                    tooFew(w.sealing(s, e, next, 2, 2, 2)),
		} {
			op := w.Op()
			for range 2 {
				if _, err := w.AppendSealed(w.Ctx, s.tenant, op, a); !core.Is(err, core.CodeVersionConflict) {
					w.T.Fatalf("an append where %s: %v", name, err)
				}
			}
		}
		for _, id := range hostile(string(w.IDs.Interaction())) {
			a := w.sealing(s, e, next, 3, 2, 5)
			if a.Head[4] = core.InteractionID(id); a.Head[4].Valid() {
				continue
			}
			if _, err := w.AppendSealed(w.Ctx, s.tenant, w.Op(), a); err == nil {
				w.T.Fatalf("an interaction was taken in with the id %q", cut(id))
			}
		}
	})
	op, a := w.Op(), w.sealing(s, e, next, 3, 2, 5)
	done, err := w.AppendSealed(w.Ctx, s.tenant, op, a)
	w.ok(err)
	w.mustClose(s, 1)
	w.unchanged(func() {
		again, err := w.AppendSealed(w.Ctx, s.tenant, op, a) // done before it closed
		w.ok(err)
		w.equal("the outcome of the same operation", again, done)
		_, err = w.AppendSealed(w.Ctx, s.tenant, w.Op(), w.sealing(s, w.mustBuffered(s), next+3, 3, 2, 5))
		w.refused(err, core.CodeConversationClosed)
	})
}

// renumbered gives the first entry the number of the second.
func renumbered(held []core.BufferEntry) []core.BufferEntry {
	held = slices.Clone(held)
	held[0].Number = held[1].Number
	return held
}

func tooMany(w *World, a core.AppendSealed) core.AppendSealed {
	a.Head = append(slices.Clone(a.Head), w.IDs.Interaction())
	return a
}

func tooFew(a core.AppendSealed) core.AppendSealed {
	a.Head = a.Head[:len(a.Head)-1]
	return a
}

// appendSealedAmongOthers lets nodes race: those who were wrong about what is
// there change nothing.
func appendSealedAmongOthers(w *World) {
	s := w.freshConversation(w.stage())
	const writers, each = 6, 10
	w.allOK(together(writers, func(i int) error {
		for range each {
			if i%2 == 0 {
				if err := w.append(s, 2); err != nil {
					return err
				}
				continue
			}
			if err := w.appendSealed(s); err != nil {
				return err
			}
		}
		return nil
	}))
	w.holdsUpTo(s, 2*writers*each)
}

// appendSealed tries until nobody came in between.
func (w *World) appendSealed(s stage) error {
	for {
		c, err := w.Conversation(w.Ctx, s.tenant, s.user, s.conversation)
		if err != nil {
			return err
		}
		held, err := w.Buffered(w.Ctx, s.tenant, s.user, s.conversation, everything)
		if err != nil {
			return err
		}
		a := w.sealing(s, held, c.NextNumber, 2, 2, 4)
		if _, err = w.AppendSealed(w.Ctx, s.tenant, w.Op(), a); !core.Is(err, core.CodeVersionConflict) {
			return err
		}
	}
}
