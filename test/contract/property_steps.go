package contract

import (
	"slices"

	"pgregory.net/rapid"

	"github.com/raven-memory/raven/core"
)

// Each method here is one action: it draws its arguments, says what the model
// expects, does the step, and does it to the model.

func (p *property) createUser(m *model) {
	n := p.MakeUser(m.tenant.ID)
	n.Record.RefKey = p.ref()
	var code core.Code
	switch full := int64(len(m.users)) >= m.tenant.Settings.MaxUsers; {
	case m.userByRef(n.Record.RefKey) != nil:
		code = core.CodeExternalRefTaken
	case full && !m.told:
		m.told = true
		m.record(n.Exhausted, nil)
		fallthrough
	case full:
		code = core.CodeQuotaExhausted
	}
	got := p.do(code, func(op core.Op) (any, error) { return p.CreateUser(p.Ctx, m.tenant.ID, op, n) })
	if code != "" {
		return
	}
	record := got.(core.UserRecord) //nolint:forcetypeassert // as the line above
	record.Position = 0
	p.equal("what creation returned", record, n.Record)
	m.users = append(m.users, &modelUser{record: n.Record})
	m.record(n.Event, nil)
}

func (p *property) updateUser(m *model, user *modelUser) {
	u := p.makeUserUpdate(m.tenant.ID, user.record.ID, 0)
	var code core.Code
	u.IfVersion, code = p.version(user.record.Version)
	p.do(code, func(op core.Op) (any, error) { return p.UpdateUser(p.Ctx, m.tenant.ID, op, u) })
	if code == "" {
		user.record.Sealed, user.record.UpdatedAt = u.Sealed, u.At
		user.record.Version++
		m.record(u.Event, nil)
	}
}

func (p *property) deleteUser(m *model, u *modelUser) {
	if !p.sometimes("really") {
		return
	}
	event := p.MakeEvent(m.tenant.ID, core.EventUserDeleted)
	p.do("", func(op core.Op) (any, error) {
		return done(p.DeleteUser(p.Ctx, m.tenant.ID, op, u.record.ID, event))
	})
	counts := u.counts()
	counts["conversations"] = int64(len(u.conversations))
	m.record(event, counts)
	m.users = slices.DeleteFunc(m.users, func(other *modelUser) bool { return other == u })
}

func (p *property) findUser(m *model) {
	ref := p.ref()
	got, err := p.UserByRef(p.Ctx, m.tenant.ID, ref)
	u := m.userByRef(ref)
	if u == nil {
		p.wants(err, core.CodeNotFound)
		return
	}
	p.wants(err, "")
	got.Position = 0
	p.equal("the user by reference", got, u.record)
}

func (p *property) createConversation(m *model, u *modelUser) {
	n := p.MakeConversation(m.tenant.ID, u.record.ID)
	n.Record.RefKey = p.ref()
	var code core.Code
	switch full := int64(len(u.conversations)) >= m.tenant.Settings.MaxConversationsPerUser; {
	case u.byRef(n.Record.RefKey) != nil:
		code = core.CodeExternalRefTaken
	case full && !u.told:
		u.told = true
		m.record(n.Exhausted, nil)
		fallthrough
	case full:
		code = core.CodeQuotaExhausted
	}
	p.do(code, func(op core.Op) (any, error) { return p.CreateConversation(p.Ctx, m.tenant.ID, op, n) })
	if code == "" {
		u.conversations = append(u.conversations, &modelConversation{record: n.Record})
		m.record(n.Event, nil)
	}
}

func (p *property) updateConversation(m *model, user *modelUser, c *modelConversation) {
	closed := c.record.Status == core.ConversationClosed
	closing := !closed && p.sometimes("close")
	u := p.makeConversationUpdate(stage{tenant: m.tenant.ID, user: user.record.ID, conversation: c.record.ID}, 0, closing)
	var code core.Code
	u.IfVersion, code = p.version(c.record.Version)
	p.do(code, func(op core.Op) (any, error) { return p.UpdateConversation(p.Ctx, m.tenant.ID, op, u) })
	if code != "" {
		return
	}
	c.record.Sealed = u.Sealed
	c.record.Version++
	if closing {
		c.record.Status, c.record.ClosedAt = core.ConversationClosed, &u.At
	}
	m.record(u.Event, nil)
}

func (p *property) deleteConversation(m *model, u *modelUser, c *modelConversation) {
	if !p.sometimes("really") {
		return
	}
	event := p.MakeEvent(m.tenant.ID, core.EventMemoryDeleted)
	p.do("", func(op core.Op) (any, error) {
		return done(p.DeleteConversation(p.Ctx, m.tenant.ID, op, u.record.ID, c.record.ID, event))
	})
	m.record(event, map[string]int64{"interactions": int64(len(c.numbers())), "blobs": int64(len(c.blobs))})
	u.change(core.Change{Kind: core.ChangeConversationDeleted, Conversation: c.record.ID})
	u.conversations = slices.DeleteFunc(u.conversations, func(other *modelConversation) bool { return other == c })
}

func (p *property) findConversation(m *model, u *modelUser) {
	ref := p.ref()
	got, err := p.ConversationByRef(p.Ctx, m.tenant.ID, u.record.ID, ref)
	c := u.byRef(ref)
	if c == nil {
		p.wants(err, core.CodeNotFound)
		return
	}
	p.wants(err, "")
	want := c.now()
	want.Position, want.UpdatedAt = got.Position, got.UpdatedAt
	p.equal("the conversation by reference", got, want)
}

func (p *property) append(m *model, u *modelUser, c *modelConversation) {
	a := p.MakeAppend(u.record.ID, c.record.ID, rapid.IntRange(1, 5).Draw(p.rt, "entries"))
	var code core.Code
	if c.record.Status == core.ConversationClosed {
		code = core.CodeConversationClosed
	}
	got := p.do(code, func(op core.Op) (any, error) { return p.Append(p.Ctx, m.tenant.ID, op, a) })
	if code != "" {
		return
	}
	first := c.record.NextNumber
	for _, e := range numbered(a.Entries, first) {
		e.Position = m.arrive()
		c.buffer = append(c.buffer, e)
		c.record.NextNumber++
	}
	u.change(core.Change{
		Kind: core.ChangeAppended, Conversation: c.record.ID, First: first, Last: c.record.NextNumber - 1,
	})
	p.equal("what the append returned", got, any(core.Appended{
		IDs: entryIDs(a.Entries), First: first, Buffered: int64(len(c.buffer)),
	}))
}

func (p *property) appendSealed(m *model, u *modelUser, c *modelConversation) {
	n := rapid.IntRange(1, 5).Draw(p.rt, "entries")
	sealed := rapid.IntRange(1, n).Draw(p.rt, "sealed")
	held, first, code := c.buffer, c.record.NextNumber, core.Code("")
	if p.sometimes("stale") {
		first, code = first+1, core.CodeVersionConflict
	}
	if c.record.Status == core.ConversationClosed {
		code = core.CodeConversationClosed
	}
	a := p.MakeAppendSealed(p.MakeAppend(u.record.ID, c.record.ID, n), m.tenant.ID, held, first, sealed, rapid.IntRange(1, 4).Draw(p.rt, "batch"))
	got := p.do(code, func(op core.Op) (any, error) { return p.AppendSealed(p.Ctx, m.tenant.ID, op, a) })
	if code != "" {
		return
	}
	fresh := slices.Concat(a.Head[len(held):], entryIDs(a.Entries))
	c.record.NextNumber += int64(n)
	c.buffer = nil
	u.change(core.Change{
		Kind: core.ChangeAppended, Conversation: c.record.ID, First: first, Last: c.record.NextNumber - 1,
	})
	p.seal(m, u, c, a.Flush)
	for _, e := range numbered(a.Entries, first+int64(sealed)) {
		e.Position = m.arrive()
		c.buffer = append(c.buffer, e)
	}
	p.equal("what the append returned", got, any(core.Appended{
		IDs: fresh, First: first, Buffered: int64(len(c.buffer)), Blobs: blobIDs(a.Blobs),
	}))
}

// seal keeps a flush's blobs, with their changes and its event.
func (p *property) seal(m *model, u *modelUser, c *modelConversation, f core.Flush) {
	for _, b := range f.Blobs {
		b.Position = m.arrive()
		c.blobs = append(c.blobs, b)
		u.change(core.Change{
			Kind: core.ChangeSealed, Conversation: c.record.ID, Blob: b.ID,
			First: b.Numbers[0], Last: b.Numbers[len(b.Numbers)-1],
		})
	}
	m.record(f.Event, nil)
}

func blobIDs(blobs []core.BlobRecord) []core.BlobID {
	ids := []core.BlobID{}
	for _, b := range blobs {
		ids = append(ids, b.ID)
	}
	return ids
}

func (p *property) flush(m *model, u *modelUser, c *modelConversation) {
	n := rapid.IntRange(1, len(c.buffer)).Draw(p.rt, "entries")
	head, code := c.buffer[:n], core.Code("")
	if n > 1 && p.sometimes("stale") {
		head, code = head[1:], core.CodeVersionConflict
	}
	f := p.MakeFlush(m.tenant.ID, u.record.ID, head, rapid.IntRange(1, 4).Draw(p.rt, "batch"))
	got := p.do(code, func(op core.Op) (any, error) { return p.CommitFlush(p.Ctx, m.tenant.ID, op, f) })
	if code != "" {
		return
	}
	c.buffer = c.buffer[n:]
	p.seal(m, u, c, f)
	p.equal("what is left", got, any(int64(len(c.buffer))))
}

func (p *property) rewriteBlob(m *model, u *modelUser, c *modelConversation, i int) {
	b := c.blobs[i]
	var without []int
	for at := range len(b.Numbers) - 1 { // one is always left
		if rapid.Bool().Draw(p.rt, "without") {
			without = append(without, at)
		}
	}
	r := p.MakeRewrite(m.tenant.ID, b, without...)
	var code core.Code
	r.IfVersion, code = p.version(b.Version)
	p.do(code, func(op core.Op) (any, error) { return done(p.RewriteBlob(p.Ctx, m.tenant.ID, op, r)) })
	if code != "" {
		return
	}
	c.blobs[i] = r.New
	if r.Event == nil {
		return
	}
	m.record(*r.Event, nil)
	var gone []core.InteractionID
	for _, at := range without {
		gone = append(gone, b.Interactions[at])
	}
	u.change(core.Change{Kind: core.ChangeForgotten, Interactions: sorted(gone)})
}

func (p *property) deleteBlob(m *model, u *modelUser, c *modelConversation, i int) {
	b := c.blobs[i]
	version, code := p.version(b.Version)
	d := p.makeBlobDelete(stage{tenant: m.tenant.ID, user: u.record.ID, blob: b}, version)
	p.do(code, func(op core.Op) (any, error) { return done(p.DeleteBlob(p.Ctx, m.tenant.ID, op, d)) })
	if code != "" {
		return
	}
	c.blobs = slices.Delete(c.blobs, i, i+1)
	m.record(d.Event, map[string]int64{"interactions": int64(len(b.Numbers))})
	u.change(core.Change{Kind: core.ChangeForgotten, Interactions: sorted(b.Interactions)})
}

func (p *property) deleteBuffered(m *model, u *modelUser, c *modelConversation) {
	var gone []core.InteractionID
	for _, e := range c.buffer {
		if rapid.Bool().Draw(p.rt, "forget") {
			gone = append(gone, e.ID)
		}
	}
	at := stage{tenant: m.tenant.ID, user: u.record.ID, conversation: c.record.ID}
	d := p.makeBufferDelete(at, append(gone, p.IDs.Interaction())...)
	got := p.do("", func(op core.Op) (any, error) { return p.DeleteBuffered(p.Ctx, m.tenant.ID, op, d) })
	p.equal("the number removed", got, any(int64(len(gone))))
	if len(gone) == 0 {
		return
	}
	c.buffer = slices.DeleteFunc(c.buffer, func(e core.BufferEntry) bool { return slices.Contains(gone, e.ID) })
	m.record(d.Event, map[string]int64{"interactions": int64(len(gone))})
	u.change(core.Change{Kind: core.ChangeForgotten, Interactions: sorted(gone)})
}

func (p *property) clearMemory(m *model, u *modelUser) {
	if !p.sometimes("really") {
		return
	}
	event := p.MakeEvent(m.tenant.ID, core.EventMemoryDeleted)
	p.do("", func(op core.Op) (any, error) {
		return done(p.ClearMemory(p.Ctx, m.tenant.ID, op, u.record.ID, event))
	})
	m.record(event, u.counts())
	u.change(core.Change{Kind: core.ChangeCleared})
	for _, c := range u.conversations {
		c.blobs, c.buffer = nil, nil
	}
}

func (p *property) readWindow(m *model, u *modelUser, c *modelConversation) {
	window := core.Window{
		After: rapid.Int64Range(0, c.record.NextNumber).Draw(p.rt, "after"),
		Desc:  rapid.Bool().Draw(p.rt, "desc"),
		Limit: rapid.IntRange(1, 8).Draw(p.rt, "limit"),
	}
	at := stage{tenant: m.tenant.ID, user: u.record.ID, conversation: c.record.ID}
	p.stretchIs(at, window, c.numbers(), 4)
}
