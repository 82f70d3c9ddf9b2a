package contract

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/raven-memory/raven/core"
)

// agreesWithTheModel drives random steps against the store and the model, some
// of them twice under one operation id, and compares every answer, after each
// step what it may have touched, and in the end all there is. There are two
// tenants, so that ids of the other one can be tried.
func agreesWithTheModel(t *testing.T, w *World) {
	begun, failed, runs := time.Now(), false, 0
	rapid.Check(t, func(rt *rapid.T) {
		if !failed && time.Since(begun) > enough {
			return // on a busy machine fewer runs must do
		}
		whole := false
		defer func() { failed = failed || !whole }()
		w.forgive()
		p := &property{World: w.on(rt), rt: rt}
		for range 2 {
			n := w.MakeTenant(func(s *core.Settings) { s.MaxUsers, s.MaxConversationsPerUser = 3, 3 })
			m := &model{tenant: n.Record}
			for _, e := range n.Events {
				m.record(e, nil)
			}
			p.mustCreateTenant(n)
			p.tenants = append(p.tenants, m)
		}
		rt.Repeat(map[string]func(*rapid.T){
			"":                   p.check,
			"create user":        p.step(p.createUser),
			"update user":        p.step(p.onUser(p.updateUser)),
			"delete user":        p.step(p.onUser(p.deleteUser)),
			"find user":          p.step(p.findUser),
			"create talk":        p.step(p.onUser(p.createConversation)),
			"update talk":        p.step(p.onConversation(p.updateConversation)),
			"delete talk":        p.step(p.onConversation(p.deleteConversation)),
			"find talk":          p.step(p.onUser(p.findConversation)),
			"append":             p.step(p.onConversation(p.append)),
			"append more":        p.step(p.onConversation(p.append)),
			"append sealed":      p.step(p.onConversation(p.appendSealed)),
			"flush":              p.step(p.onBuffer(p.flush)),
			"flush more":         p.step(p.onBuffer(p.flush)),
			"rewrite blob":       p.step(p.onBlob(p.rewriteBlob)),
			"delete blob":        p.step(p.onBlob(p.deleteBlob)),
			"delete buffered":    p.step(p.onBuffer(p.deleteBuffered)),
			"clear memory":       p.step(p.onUser(p.clearMemory)),
			"read a window":      p.step(p.onConversation(p.readWindow)),
			"change quotas":      p.step(p.changeQuotas),
			"touch what is not":  p.step(p.touchWhatIsNot),
			"other tenant's ids": p.step(p.useOthersIDs),
		})
		for _, m := range p.tenants {
			m.compare(p.on(rt))
		}
		p.on(rt).agreed()
		whole = true
		runs++
	})
	t.Logf("%d runs agree", runs)
}

// enough is how long new runs of random steps begin.
const enough = 30 * time.Second

// property is one run of random steps.
type property struct {
	*World
	rt      *rapid.T
	tenants []*model
	touched *model
	user    *modelUser // of touched, or nil
}

// step runs one action on one of the tenants.
func (p *property) step(action func(m *model)) func(*rapid.T) {
	return func(rt *rapid.T) {
		p.rt, p.World = rt, p.on(rt)
		p.touched, p.user = pick(p, "tenant", p.tenants), nil
		action(p.touched)
		p.touched.settle()
	}
}

func (p *property) check(rt *rapid.T) {
	w := p.on(rt)
	w.agreed()
	if p.touched == nil {
		return
	}
	p.touched.compareSums(w)
	if slices.Contains(p.touched.users, p.user) {
		p.user.compare(w, p.touched.tenant.ID)
	}
}

// do does a step, sometimes twice under one operation id, and expects the code
// ("" for none) each time. It gives back the outcome.
func (p *property) do(want core.Code, run func(op core.Op) (any, error)) any {
	p.rt.Helper()
	op := p.Op()
	first, err := run(op)
	p.wants(err, want)
	if rapid.Bool().Draw(p.rt, "again") {
		again, err := run(op)
		p.wants(err, want)
		p.equal("the second outcome of one operation", again, first)
	}
	return first
}

func (p *property) wants(err error, want core.Code) {
	p.rt.Helper()
	if core.CodeOf(err) != want {
		p.rt.Fatalf("got %v, want the code %q", err, want)
	}
}

// sometimes is true now and then.
func (p *property) sometimes(what string) bool {
	return rapid.IntRange(0, 4).Draw(p.rt, what) == 4
}

// ref draws a reference, of few, so that it is often taken.
func (p *property) ref() string {
	return pick(p, "reference", []string{"", "", "a", "A", "a:b"})
}

// version draws the current version or a stale one.
func (p *property) version(current int64) (int64, core.Code) {
	if p.sometimes("stale") {
		return current - 1, core.CodeVersionConflict
	}
	return current, ""
}

// pick draws one of a list that is not empty.
func pick[E any](p *property, what string, list []E) E {
	return list[rapid.IntRange(0, len(list)-1).Draw(p.rt, what)]
}

// Where a step finds nothing to work on, it does what others will work on.

func (p *property) onUser(action func(*model, *modelUser)) func(*model) {
	return func(m *model) {
		if len(m.users) == 0 {
			p.createUser(m)
			return
		}
		p.user = pick(p, "user", m.users)
		action(m, p.user)
	}
}

func (p *property) onConversation(action func(*model, *modelUser, *modelConversation)) func(*model) {
	return p.onUser(func(m *model, u *modelUser) {
		if len(u.conversations) == 0 {
			p.createConversation(m, u)
			return
		}
		action(m, u, pick(p, "conversation", u.conversations))
	})
}

func (p *property) onBuffer(action func(*model, *modelUser, *modelConversation)) func(*model) {
	return p.onConversation(func(m *model, u *modelUser, c *modelConversation) {
		if len(c.buffer) == 0 {
			p.append(m, u, c)
			return
		}
		action(m, u, c)
	})
}

// onBlob gives the action a blob by its index in its conversation.
func (p *property) onBlob(action func(*model, *modelUser, *modelConversation, int)) func(*model) {
	return p.onConversation(func(m *model, u *modelUser, c *modelConversation) {
		switch {
		case len(c.blobs) > 0:
			action(m, u, c, rapid.IntRange(0, len(c.blobs)-1).Draw(p.rt, "blob"))
		case len(c.buffer) > 0:
			p.flush(m, u, c)
		default:
			p.append(m, u, c)
		}
	})
}

func (p *property) changeQuotas(m *model) {
	u := p.makeTenantUpdate(m.tenant.ID, m.tenant.Settings, 0)
	u.Settings.MaxUsers = rapid.Int64Range(0, 4).Draw(p.rt, "max users")
	u.Settings.MaxConversationsPerUser = rapid.Int64Range(0, 3).Draw(p.rt, "max conversations")
	var code core.Code
	u.IfVersion, code = p.version(m.tenant.Version)
	p.do(code, func(op core.Op) (any, error) { return p.UpdateTenant(p.Ctx, m.tenant.ID, op, u) })
	if code != "" {
		return
	}
	m.tenant.Profile, m.tenant.Settings, m.tenant.UpdatedAt = u.Profile, u.Settings, u.At
	m.tenant.Version++
	m.record(u.Event, nil)
}

func (p *property) touchWhatIsNot(m *model) {
	at := stage{
		tenant: m.tenant.ID, user: p.IDs.User(), conversation: p.IDs.Conversation(), key: p.MakeKey(m.tenant.ID),
		entries: numbered(p.MakeAppend("", "", 2).Entries, 1), claim: p.makeClaim(),
		blob: core.BlobRecord{ID: p.IDs.Blob(), Numbers: []int64{1, 2}, Interactions: []core.InteractionID{"a", "b"}},
	}
	c := rapid.SampledFrom(callsTaking(ofUser|ofKey)).Draw(p.rt, "call")
	p.do(core.CodeNotFound, func(op core.Op) (any, error) { return c.run(p.Ctx, p.World, at, op) })
}

// useOthersIDs names things of the other tenant.
func (p *property) useOthersIDs(m *model) {
	other := p.tenants[0]
	if other == m {
		other = p.tenants[1]
	}
	p.onConversation(func(_ *model, u *modelUser, c *modelConversation) { p.useIDs(m, u, c) })(other)
	other.settle()
	other.compareSums(p.World)
	p.user = nil // it is not of the tenant that was touched
}

func (p *property) useIDs(m *model, u *modelUser, c *modelConversation) {
	at := stage{
		tenant: m.tenant.ID, user: u.record.ID, conversation: c.record.ID,
		entries: numbered(p.MakeAppend("", "", 2).Entries, 1),
		blob: core.BlobRecord{
			ID: p.IDs.Blob(), User: u.record.ID, Conversation: c.record.ID,
			Numbers: []int64{1, 2}, Interactions: []core.InteractionID{"a", "b"},
		},
	}
	if len(c.blobs) > 0 {
		at.blob = c.blobs[0]
	}
	if len(c.buffer) > 1 {
		at.entries = c.buffer
	}
	name := pick(p, "call", callsTaking(ofUser))
	p.do(core.CodeNotFound, func(op core.Op) (any, error) { return name.run(p.Ctx, p.World, at, op) })
}

// callsTaking is every call that is given an id of one of those slots.
func callsTaking(in slots) []call {
	return slices.DeleteFunc(everyCall(), func(c call) bool { return c.takes&in == 0 })
}
