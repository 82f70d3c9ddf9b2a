package contract

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/raven-memory/raven/core"
)

// SideBySide gives two stores, both empty, the same random steps and compares
// every answer of the one with that of the other, errors and their words
// included: with what the model knows beside them, and over every method there
// is, on the things of several tenants. Only positions may differ, and even
// they not in their order.
func SideBySide(t *testing.T, open func(t *testing.T) (first, second Store)) {
	t.Run("AgreeWithTheModel", func(t *testing.T) {
		t.Parallel()
		first, second := open(t)
		agreesWithTheModel(t, NewWorld(t, &pair{first: first, second: second}))
	})
	t.Run("AgreeOnEveryCall", func(t *testing.T) {
		t.Parallel()
		first, second := open(t)
		agreesOnEveryCall(t, NewWorld(t, &pair{first: first, second: second}))
	})
}

// agreesOnEveryCall makes random calls of every method, with ids that are the
// tenant's own and with ids that are not, some of them again under the same
// operation, and reads all there is.
func agreesOnEveryCall(t *testing.T, w *World) {
	begun, failed, runs := time.Now(), false, 0
	rapid.Check(t, func(rt *rapid.T) {
		if !failed && time.Since(begun) > enough {
			return // on a busy machine fewer runs must do
		}
		whole := false
		defer func() { failed = failed || !whole }()
		w.forgive()
		w.tenants = nil // those of the runs before are left as they are
		c := &calling{World: w.on(rt), rt: rt, last: func() (any, error) { return nil, nil }}
		c.stages = []stage{c.stage(), c.stage()}
		c.stages = append(c.stages, c.cast(c.stages[0]))
		rt.Repeat(map[string]func(*rapid.T){
			"":           func(rt *rapid.T) { w.on(rt).agreed() },
			"calls":      c.action(c.calls),
			"more calls": c.action(c.calls),
			"again":      c.action(func() { _, _ = c.last() }),
			"new tenant": c.sometimes(func() { c.stages[c.any("stage")] = c.stage() }),
			"new user":   c.sometimes(c.newUser),
			"pages":      c.action(c.turnPages),
			"everything": c.sometimes(func() { c.Everything() }),
		})
		c.on(rt).Everything()
		c.on(rt).mustPurge(5)
		c.on(rt).Everything()
		w.on(rt).agreed()
		whole = true
		runs++
	})
	t.Logf("%d runs agree", runs)
}

// calling is one run of random calls.
type calling struct {
	*World
	rt     *rapid.T
	stages []stage
	last   func() (any, error) // the call before
}

func (c *calling) action(do func()) func(*rapid.T) {
	return func(rt *rapid.T) {
		c.rt, c.World = rt, c.on(rt)
		do()
	}
}

// sometimes is an action that takes its time, and is calls else.
func (c *calling) sometimes(do func()) func(*rapid.T) {
	return c.action(func() {
		if rapid.IntRange(0, 3).Draw(c.rt, "really") == 3 {
			do()
			return
		}
		c.calls()
	})
}

// any draws the index of a stage.
func (c *calling) any(what string) int {
	return rapid.IntRange(0, len(c.stages)-1).Draw(c.rt, what)
}

func (c *calling) calls() {
	for range rapid.IntRange(1, 5).Draw(c.rt, "calls") {
		c.call()
	}
}

func (c *calling) call() {
	one := rapid.SampledFrom(everyCall()).Draw(c.rt, "call")
	at := c.stages[c.any("stage")]
	if rapid.IntRange(0, 3).Draw(c.rt, "with another's id") == 0 {
		in := rapid.SampledFrom(allSlots).Draw(c.rt, "slot")
		at = at.with(in, c.stages[c.any("whose")].id(in))
	}
	op := c.Op()
	c.last = func() (any, error) { return one.run(c.Ctx, c.World, at, op) }
	_, _ = c.last()
}

func (c *calling) newUser() {
	of := c.any("of")
	if _, err := c.Tenant(c.Ctx, c.stages[of].tenant); !core.Is(err, core.CodeNotFound) {
		c.stages[c.any("stage")] = c.cast(c.stages[of])
	}
}

// turnPages reads lists in pages, of each store by its own positions.
func (c *calling) turnPages() {
	limit := rapid.IntRange(1, 3).Draw(c.rt, "limit")
	at := c.stages[c.any("stage")]
	two, _ := c.Store.(*pair)
	_, _ = twice(two, "lists in pages", func(s Store) (any, error) {
		users, err := pagesOf(limit, userPosition, func(p core.Page) ([]core.UserRecord, error) { return s.Users(c.Ctx, at.tenant, p) })
		if err != nil {
			return nil, err
		}
		talks, err := pagesOf(limit, conversationPosition, func(p core.Page) ([]core.ConversationRecord, error) {
			return s.Conversations(c.Ctx, at.tenant, at.user, p)
		})
		if err != nil {
			return nil, err
		}
		entries, err := pagesOf(limit, entryPosition, func(p core.Page) ([]core.BufferEntry, error) {
			return s.UserBuffer(c.Ctx, at.tenant, at.user, p)
		})
		if err != nil {
			return nil, err
		}
		blobs, err := pagesOf(limit, blobPosition, func(p core.Page) ([]core.BlobRecord, error) {
			return s.Blobs(c.Ctx, at.tenant, at.user, p, true)
		})
		if err != nil {
			return nil, err
		}
		derived, err := pagesOf(limit, derivedPosition, func(p core.Page) ([]core.DerivedRecord, error) {
			return s.Derived(c.Ctx, at.tenant, at.user, core.DerivedIndex, p, true)
		})
		return []any{users, talks, entries, blobs, derived}, err
	})
}

// pagesOf reads a list page by page to its end.
func pagesOf[R any](limit int, position func(R) int64, read func(core.Page) ([]R, error)) (all [][]R, err error) {
	page := core.Page{Limit: limit}
	for range everything {
		list, err := read(page)
		if err != nil || len(list) == 0 {
			return all, err
		}
		all = append(all, list)
		page.After = position(list[len(list)-1])
	}
	return all, nil
}
