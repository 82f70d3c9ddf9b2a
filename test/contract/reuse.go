package contract

import "github.com/raven-memory/raven/core"

// idsInUseAreRefused makes things under ids that others of their owner have.
func idsInUseAreRefused(w *World) {
	s := w.stage()
	w.unchanged(func() {
		user := w.MakeUser(s.tenant)
		user.Record.ID = s.user
		w.notMade("a user", w.createUser(user))
		talk := w.MakeConversation(s.tenant, s.user)
		talk.Record.ID = s.conversation
		w.notMade("a conversation", w.createConversation(talk))
		f := w.MakeFlush(s.tenant, s.user, s.entries, 2)
		f.Blobs[1].ID = s.blob.ID
		_, err := w.CommitFlush(w.Ctx, s.tenant, w.Op(), f)
		w.notMade("a blob", err)
		n := w.MakeTenant()
		n.Record.ID, n.Key.Tenant = s.tenant, s.tenant
		_, err = w.CreateTenant(w.Ctx, w.Op(), n)
		w.notMade("a tenant", err)
	})
	w.Recount(s.tenant)
}

func (w *World) notMade(what string, err error) {
	w.T.Helper()
	if err == nil {
		w.T.Fatalf("%s was made under an id that is in use", what)
	}
}

// idsOfWhatIsGoneServeAgain makes things under ids whose first holders were
// deleted: nothing of those is in the new ones, and tidying up after the old
// leaves the new alone.
func idsOfWhatIsGoneServeAgain(w *World) {
	s := w.stage()
	for name, del := range map[string]func(){
		"user":         func() { w.ok(w.deleteUser(s.tenant, s.user)) },
		"conversation": func() { w.ok(w.deleteConversation(s)) },
		"memory": func() {
			w.ok(w.ClearMemory(w.Ctx, s.tenant, w.Op(), s.user, w.MakeEvent(s.tenant, core.EventMemoryDeleted)))
		},
		"blob": func() {
			w.ok(w.DeleteBlob(w.Ctx, s.tenant, w.Op(), w.makeBlobDelete(s, w.mustBlob(s.tenant, s.user, s.blob.ID).Version)))
		},
	} {
		w := w.on(named{w.T, name})
		before := w.mustUsage(s.tenant)
		del()
		w.makeAgain(s)
		after := w.mustUsage(s.tenant)
		if name == "blob" { // what was buffered beside it is there still
			before.Buffered, before.Interactions = before.Buffered+3, before.Interactions+3
		}
		before.BlobBytes = after.BlobBytes // newly sealed
		w.equal("the usage", after, before)
		told := w.Everything()
		w.mustPurge(2)
		w.same("what is stored, over the tidying up,", told)
		w.Recount(s.tenant)
		if name == "blob" {
			_, err := w.DeleteBuffered(w.Ctx, s.tenant, w.Op(), w.makeBufferDelete(s, entryIDs(w.mustBuffered(s)[:3])...))
			w.ok(err)
		}
	}
}

// makeAgain makes what of the stage is not there, under the ids it had: the user
// with its reference, the conversation with its own, a blob of three, and three
// buffered under the ids that they had before.
func (w *World) makeAgain(s stage) {
	w.T.Helper()
	if _, err := w.User(w.Ctx, s.tenant, s.user); err != nil {
		n := w.MakeUser(s.tenant)
		n.Record.ID, n.Record.RefKey = s.user, s.userRef
		w.ok(w.createUser(n))
	}
	if _, err := w.Conversation(w.Ctx, s.tenant, s.user, s.conversation); err != nil {
		n := w.MakeConversation(s.tenant, s.user)
		n.Record.ID, n.Record.RefKey = s.conversation, s.ref
		w.ok(w.createConversation(n))
	}
	a := w.MakeAppend(s.user, s.conversation, 6)
	for i := range a.Entries {
		if i < 3 {
			a.Entries[i].ID = s.blob.Interactions[i]
		} else {
			a.Entries[i].ID = s.entries[i-3].ID
		}
	}
	w.mustAppend(s.tenant, a)
	head, err := w.Buffered(w.Ctx, s.tenant, s.user, s.conversation, 3)
	w.ok(err)
	f := w.MakeFlush(s.tenant, s.user, head, 3)
	f.Blobs[0].ID = s.blob.ID
	_, err = w.CommitFlush(w.Ctx, s.tenant, w.Op(), f)
	w.ok(err)
	got := w.mustBlob(s.tenant, s.user, s.blob.ID)
	f.Blobs[0].Position = got.Position
	w.equal("the blob", got, f.Blobs[0])
}
