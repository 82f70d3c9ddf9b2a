package services

import (
	"testing"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/memory"
	"github.com/raven-memory/raven/core/tenancy"
)

// TestRememberedReferenceNeverLeadsToAnotherPlace has another node delete and make
// anew what a reference stands for, of which the first one hears nothing.
func TestRememberedReferenceNeverLeadsToAnotherPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller, _ := w.tenant("ada", tenancy.SettingsPatch{})
	stranger, _ := w.tenant("eve", tenancy.SettingsPatch{})
	other := tenancy.New(w.tenancy.Deps, tenancy.Options{Defaults: core.DefaultSettings()})
	ref, talk := "u", "c"
	makeUser := func(who core.Caller) core.UserID {
		u, err := other.CreateUser(w.ctx, who, core.Op{}, tenancy.NewUser{ExternalRef: &ref})
		w.must(err)
		return u.ID
	}
	makeTalk := func(who core.Caller, user core.UserID) core.ConversationID {
		c, err := other.CreateConversation(w.ctx, who, core.Op{}, user, tenancy.NewConversation{ExternalRef: &talk})
		w.must(err)
		return c.ID
	}
	// tell takes in by references, and says where it went.
	tell := func(who core.Caller) (user core.UserID, conversation core.ConversationID, err error) {
		err = w.tenancy.ForConversation(w.ctx, who, "ext:u", "ext:c", func(u core.UserID, c core.ConversationID) error {
			user, conversation = u, c
			_, err := w.memory.Ingest(w.ctx, who, core.Op{}, u, c, []memory.NewInteraction{{Role: "user", Content: "Hello."}})
			return err
		})
		return user, conversation, err
	}
	expect := func(user core.UserID, conversation core.ConversationID) {
		t.Helper()
		for range 2 { // looked up, and remembered
			if u, c, err := tell(caller); err != nil || u != user || c != conversation {
				t.Errorf("taken in at %s, %s (%v), want %s, %s", u, c, err, user, conversation)
			}
		}
	}
	user := makeUser(caller)
	conversation := makeTalk(caller, user)
	expect(user, conversation)

	if _, _, err := tell(stranger); !core.Is(err, core.CodeNotFound) {
		t.Errorf("another tenant's reference leads somewhere: %v", err)
	}
	w.must(other.DeleteConversation(w.ctx, caller, user, conversation, 0))
	if _, _, err := tell(caller); !core.Is(err, core.CodeNotFound) {
		t.Errorf("a deleted conversation takes in: %v", err)
	}
	expect(user, makeTalk(caller, user))

	w.must(other.DeleteUser(w.ctx, caller, user, 0))
	if _, _, err := tell(caller); !core.Is(err, core.CodeNotFound) {
		t.Errorf("a deleted user takes in: %v", err)
	}
	anew := makeUser(caller)
	if _, _, err := tell(caller); !core.Is(err, core.CodeNotFound) {
		t.Errorf("a conversation of the user before takes in: %v", err)
	}
	expect(anew, makeTalk(caller, anew))
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}
