package recall_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/recall"
)

// fakeStore keeps users' memory as the ports say. Sealing is a label of the
// place, which Open checks.
type fakeStore struct {
	mu    sync.Mutex
	users map[core.UserID]*fakeUser
	kept  int // how many changes it keeps of a user

	versions, builds, differences, stretches atomic.Int64 // calls

	onBuild func()                // called as a build begins
	onBlobs func()                // called when it has read the buffer
	failing atomic.Pointer[error] // what Open fails with
}

type fakeUser struct {
	buffer   []core.BufferEntry
	blobs    []core.BlobRecord
	changes  []core.Change
	numbers  map[core.ConversationID]int64
	position int64
}

const testTenant core.TenantID = "ten_test"

func newFakeStore(users ...core.UserID) *fakeStore {
	s := &fakeStore{users: map[core.UserID]*fakeUser{}, kept: core.MinChangesKept}
	for _, u := range users {
		s.users[u] = &fakeUser{numbers: map[core.ConversationID]int64{}}
	}
	return s
}

func label(p core.Place) []byte { return fmt.Appendf(nil, "%+v\x00", p) }

func (s *fakeStore) Open(_ context.Context, place core.Place, sealed []byte) ([]byte, error) {
	if err := s.failing.Load(); err != nil {
		return nil, *err
	}
	plain, ok := bytes.CutPrefix(sealed, label(place))
	if !ok {
		return nil, core.NewError(core.CodeInternal, "opened for another place")
	}
	return plain, nil
}

func (u *fakeUser) change(c core.Change) {
	c.Version = int64(len(u.changes) + 1)
	u.changes = append(u.changes, c)
}

func (u *fakeUser) next() int64 {
	u.position++
	return u.position
}

// append buffers interactions and numbers them.
func (s *fakeStore) append(user core.UserID, c core.ConversationID, list ...core.Interaction) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[user]
	first := u.numbers[c] + 1
	for _, in := range list {
		u.numbers[c]++
		place := core.InteractionPlace(testTenant, user, c, in.ID)
		u.buffer = append(u.buffer, core.BufferEntry{
			ID: in.ID, Conversation: c, Number: u.numbers[c], Position: u.next(), AcceptedAt: in.AcceptedAt,
			Sealed: append(label(place), core.EncodeInteractions([]core.Interaction{in})...),
		})
	}
	u.change(core.Change{Kind: core.ChangeAppended, Conversation: c, First: first, Last: u.numbers[c]})
}

// flush seals the first n buffered interactions of a conversation.
func (s *fakeStore) flush(user core.UserID, c core.ConversationID, blob core.BlobID, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[user]
	b := core.BlobRecord{ID: blob, User: user, Kind: core.BlobEpisodic, Conversation: c, Version: 1, Position: u.next()}
	var list []core.Interaction
	u.buffer = slices.DeleteFunc(u.buffer, func(e core.BufferEntry) bool {
		if e.Conversation != c || len(list) == n {
			return false
		}
		list = append(list, openedEntry(user, e))
		return true
	})
	if len(list) == 0 {
		return
	}
	u.blobs = append(u.blobs, sealedBlob(b, list))
	u.change(core.Change{
		Kind: core.ChangeSealed, Conversation: c, Blob: blob, First: list[0].Number, Last: list[len(list)-1].Number,
	})
}

func openedEntry(user core.UserID, e core.BufferEntry) core.Interaction {
	in, err := e.Interaction(bytes.TrimPrefix(e.Sealed, label(core.InteractionPlace(testTenant, user, e.Conversation, e.ID))))
	if err != nil {
		panic(err)
	}
	return in
}

func openedBlob(b core.BlobRecord) []core.Interaction {
	list, err := b.InteractionsOf(bytes.TrimPrefix(b.Sealed, label(core.BlobPlace(testTenant, b))))
	if err != nil {
		panic(err)
	}
	return list
}

func sealedBlob(b core.BlobRecord, list []core.Interaction) core.BlobRecord {
	b.Numbers, b.Interactions = nil, nil
	for _, in := range list {
		b.Numbers = append(b.Numbers, in.Number)
		b.Interactions = append(b.Interactions, in.ID)
	}
	b.Sealed = append(label(core.BlobPlace(testTenant, b)), core.EncodeInteractions(list)...)
	return b
}

// forget removes interactions from buffer and blobs.
func (s *fakeStore) forget(user core.UserID, ids ...core.InteractionID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[user]
	gone := func(id core.InteractionID) bool { return slices.Contains(ids, id) }
	u.buffer = slices.DeleteFunc(u.buffer, func(e core.BufferEntry) bool { return gone(e.ID) })
	for i, b := range u.blobs {
		list := slices.DeleteFunc(openedBlob(b), func(in core.Interaction) bool { return gone(in.ID) })
		b.Version++
		u.blobs[i] = sealedBlob(b, list)
	}
	u.blobs = slices.DeleteFunc(u.blobs, func(b core.BlobRecord) bool { return len(b.Interactions) == 0 })
	u.change(core.Change{Kind: core.ChangeForgotten, Interactions: ids})
}

func (s *fakeStore) forgetConversation(user core.UserID, c core.ConversationID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[user]
	u.buffer = slices.DeleteFunc(u.buffer, func(e core.BufferEntry) bool { return e.Conversation == c })
	u.blobs = slices.DeleteFunc(u.blobs, func(b core.BlobRecord) bool { return b.Conversation == c })
	delete(u.numbers, c)
	u.change(core.Change{Kind: core.ChangeConversationDeleted, Conversation: c})
}

func (s *fakeStore) clear(user core.UserID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[user]
	u.buffer, u.blobs = nil, nil
	u.change(core.Change{Kind: core.ChangeCleared})
}

func (s *fakeStore) user(user core.UserID) (*fakeUser, error) {
	if u, ok := s.users[user]; ok {
		return u, nil
	}
	return nil, core.NotFound()
}

func (s *fakeStore) MemoryVersion(_ context.Context, _ core.TenantID, user core.UserID) (int64, error) {
	s.versions.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.user(user)
	if err != nil {
		return 0, err
	}
	return int64(len(u.changes)), nil
}

func (s *fakeStore) Changes(
	_ context.Context, _ core.TenantID, user core.UserID, after int64, limit int,
) (list []core.Change, ok bool, err error) {
	s.differences.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.user(user)
	if err != nil {
		return nil, false, err
	}
	if after < int64(len(u.changes)-s.kept) {
		return nil, false, nil
	}
	list = slices.Clone(u.changes[after:])
	return list[:min(limit, len(list))], true, nil
}

func (s *fakeStore) UserBuffer(
	ctx context.Context, _ core.TenantID, user core.UserID, page core.Page,
) ([]core.BufferEntry, error) {
	if page.After == 0 {
		s.builds.Add(1)
		if s.onBuild != nil {
			s.onBuild()
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.user(user)
	if err != nil {
		return nil, err
	}
	list := slices.DeleteFunc(slices.Clone(u.buffer), func(e core.BufferEntry) bool { return e.Position <= page.After })
	return list[:min(page.Limit, len(list))], nil
}

func (s *fakeStore) Blobs(
	_ context.Context, _ core.TenantID, user core.UserID, page core.Page, _ bool,
) ([]core.BlobRecord, error) {
	if s.onBlobs != nil {
		s.onBlobs()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.user(user)
	if err != nil {
		return nil, err
	}
	list := slices.DeleteFunc(slices.Clone(u.blobs), func(b core.BlobRecord) bool { return b.Position <= page.After })
	return list[:min(page.Limit, len(list))], nil
}

func (s *fakeStore) Stretch(
	_ context.Context, _ core.TenantID, user core.UserID, c core.ConversationID, w core.Window,
) (core.Stretch, error) {
	s.stretches.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.user(user)
	if err != nil {
		return core.Stretch{}, err
	}
	if u.numbers[c] == 0 {
		return core.Stretch{}, core.NotFound()
	}
	var out core.Stretch
	left := w.Limit
	for _, b := range u.blobs {
		if b.Conversation == c && b.Numbers[len(b.Numbers)-1] > w.After && left > 0 {
			out.Blobs = append(out.Blobs, b)
			left -= len(slices.DeleteFunc(slices.Clone(b.Numbers), func(n int64) bool { return n <= w.After }))
		}
	}
	for _, e := range u.buffer {
		if e.Conversation == c && e.Number > w.After && left > 0 {
			out.Buffered = append(out.Buffered, e)
			left--
		}
	}
	return out, nil
}

func (s *fakeStore) Blob(context.Context, core.TenantID, core.UserID, core.BlobID) (core.BlobRecord, error) {
	return core.BlobRecord{}, core.NotFound()
}

func (s *fakeStore) ConversationBlobs(
	context.Context, core.TenantID, core.UserID, core.ConversationID,
) ([]core.BlobRecord, error) {
	return nil, nil
}

// world is a Service over a fakeStore, with a clock that stands.
type world struct {
	t       *testing.T
	store   *fakeStore
	service *recall.Service
	now     time.Time
	made    int
}

const testUser core.UserID = "usr_1"

var testStart = time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)

func (w *world) Now() time.Time { return w.now }

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, store: newFakeStore(testUser), now: testStart.AddDate(0, 0, 1)}
	w.service = w.fresh(0)
	return w
}

// fresh makes another Service over the same store.
func (w *world) fresh(maxBytes int64) *recall.Service {
	return recall.New(w.store, w.store, w.store, suffixStemmer{}, w, recall.Options{MaxBytes: maxBytes})
}

// line is a turn: who says what, and how long after testStart.
type line struct {
	who, text string
	after     time.Duration
	metadata  core.Metadata
}

// interaction makes the next interaction of a line. Odd speakers are users.
func (w *world) interaction(l line) core.Interaction {
	w.made++
	at := testStart.Add(l.after)
	role := core.RoleUser
	if l.who == "Bot" {
		role = core.RoleAssistant
	}
	return core.Interaction{
		ID: core.InteractionID(fmt.Sprintf("int_%04d", w.made)), Role: role, Name: l.who, Content: l.text,
		Metadata: l.metadata, OccurredAt: at, AcceptedAt: at,
	}
}

// say stores lines a minute apart, from the first one's time.
func (w *world) say(c core.ConversationID, lines ...line) {
	for i := range lines {
		lines[i].after = cmp.Or(lines[i].after, lines[0].after+time.Duration(i)*time.Minute)
		w.store.append(testUser, c, w.interaction(lines[i]))
	}
}

func caller() core.Caller { return core.Caller{Tenant: testTenant, Scopes: core.ScopeMemoryRead} }

func (w *world) search(q recall.Query) []recall.Item {
	w.t.Helper()
	items, err := w.service.Search(context.Background(), caller(), testUser, q)
	if err != nil {
		w.t.Fatal(err)
	}
	return items
}

func (w *world) context(q recall.ContextQuery) recall.Context {
	w.t.Helper()
	c, err := w.service.Context(context.Background(), caller(), testUser, q)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// texts are what items say.
func texts(items []recall.Item) []string {
	list := []string{}
	for _, item := range items {
		list = append(list, item.Text)
	}
	return list
}

// rankOf is the place of a text among items, -1 for none.
func rankOf(items []recall.Item, text string) int { return slices.Index(texts(items), text) }

// suffixStemmer stems enough for tests.
type suffixStemmer struct{}

func (suffixStemmer) Stem(language, word string) string {
	suffixes := map[string][]string{"en": {"ing", "ed", "s"}, "es": {"os", "as", "o", "a"}}
	for _, suffix := range suffixes[language] {
		if stem, ok := bytes.CutSuffix([]byte(word), []byte(suffix)); ok && len(stem) > 2 {
			return string(stem)
		}
	}
	return word
}
