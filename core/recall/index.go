package recall

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unique"

	"github.com/raven-memory/raven/core"
)

// sessionPause is the pause after which a conversation's next interaction
// begins a new session. Talk that goes on after some hours is mostly about
// something else, and whoever keeps all of a user's talk in one conversation
// gets the same sessions as who opens a new one each time.
const sessionPause = 4 * time.Hour

// none stands for no turn, where a turn's slot is asked for.
const none int32 = -1

// index holds one user's interactions. What it answers depends on what is in
// it, never on the order in which that came in. Not safe for concurrent use
// while it changes.
type index struct {
	analyser analyser
	version  int64 // of the user's memory that it shows

	turns         []turn  // by slot; a free slot's id is ""
	places        []place // by slot
	free          []int32
	byID          map[core.InteractionID]int32
	conversations map[core.ConversationID]*conversation
	terms         map[string]postings
	languages     [16]int         // how many turns are in each
	byAge         []*conversation // by their last turns

	sessions     []session // by slot; a free slot has no turns
	freeSessions []int32

	speakers     []speaker // by slot
	freeSpeakers []int32
	speakerOf    map[string]int32   // by name
	named        map[string][]int32 // speakers, by each word of their names

	facts   []known // that have not ended
	vectors vectors

	length int64 // of all turns together
	bytes  int64 // about what the index takes

	// Guarded by the entry's turn.
	loose int64            // turns in blobs that may be in no segment
	stale []core.DerivedID // segments that were of no use
}

// turn is an interaction as it is indexed.
type turn struct {
	id           core.InteractionID
	number       int64
	conversation *conversation
	blob         unique.Handle[core.BlobID]
	role         unique.Handle[core.Role]
	name         unique.Handle[string]
	metadata     unique.Handle[core.Metadata]
	content      string
	occurredAt   int64 // Unix milliseconds
	acceptedAt   int64
	language     language
}

// place is where a turn is and what ranking needs of it, apart from the rest of
// it, which is read less often.
type place struct {
	session int32 // none for a free slot
	length  int32 // in terms
	speaker int32
	at      uint8 // which turn of the session
	asks    bool  // it ends with a question mark
}

type conversation struct {
	id       core.ConversationID
	order    []int32 // slots of its turns, by number
	sessions []int32 // in the same order
	last     lastTurn
}

// lastTurn says how recently a conversation's last turn came; zero for none.
type lastTurn struct {
	acceptedAt int64
	id         core.InteractionID
}

func (l lastTurn) compare(m lastTurn) int {
	return cmp.Or(cmp.Compare(l.acceptedAt, m.acceptedAt), cmp.Compare(l.id, m.id))
}

func newIndex(a analyser, version int64) *index {
	return &index{
		analyser: a, version: version,
		byID:          map[core.InteractionID]int32{},
		conversations: map[core.ConversationID]*conversation{},
		terms:         map[string]postings{},
		speakerOf:     map[string]int32{},
		named:         map[string][]int32{},
		bytes:         indexBytes,
	}
}

// live is the number of turns.
func (x *index) live() int { return len(x.byID) }

// prepared is an interaction ready to be added, all that takes time done.
type prepared struct {
	interaction core.Interaction
	terms       termCounts // of the content
	length      int32
	language    language
}

func (a analyser) prepare(in core.Interaction) prepared {
	p := prepared{interaction: in}
	p.terms, p.length, p.language = a.terms(in.Content)
	return p
}

// add adds a turn. One that is there already only learns its blob.
func (x *index) add(p prepared) {
	in := &p.interaction
	if slot, ok := x.byID[in.ID]; ok {
		if in.Blob != "" {
			x.setBlob(slot, in.Blob)
		}
		return
	}
	c := x.conversation(in.Conversation)
	slot := x.put(c, &p)
	at, _ := x.find(c, in.Number)
	c.order = slices.Insert(c.order, at, slot)
	if at == len(c.order)-1 {
		x.join(c, p.terms)
	} else {
		x.divide(c, 0)
	}
	x.age(c)
}

func (x *index) setBlob(slot int32, id core.BlobID) { x.turns[slot].blob = unique.Make(id) }

// conversation gives a conversation, made if there is none.
func (x *index) conversation(id core.ConversationID) *conversation {
	c := x.conversations[id]
	if c == nil {
		c = &conversation{id: core.ConversationID(strings.Clone(string(id)))}
		x.conversations[c.id] = c
		x.bytes += conversationBytes
	}
	return c
}

// put stores a turn, in no session yet.
func (x *index) put(c *conversation, p *prepared) int32 {
	in := &p.interaction
	slot := takeSlot(&x.turns, &x.free)
	if int(slot) == len(x.places) {
		x.places = append(x.places, place{})
	}
	x.turns[slot] = turn{
		id: in.ID, number: in.Number, conversation: c,
		blob: unique.Make(in.Blob), role: unique.Make(in.Role), name: unique.Make(in.Name),
		metadata: unique.Make(in.Metadata), content: in.Content,
		occurredAt: in.OccurredAt.UnixMilli(), acceptedAt: in.AcceptedAt.UnixMilli(),
		language: p.language,
	}
	x.places[slot] = place{session: none, length: p.length, speaker: x.takeSpeaker(in.Name), asks: asks(in.Content)}
	x.byID[in.ID] = slot
	x.vectors.wanting = true
	x.languages[p.language]++
	x.length += int64(p.length)
	x.bytes += x.turns[slot].bytes()
	return slot
}

// age puts a conversation in its place among the others after its turns changed.
func (x *index) age(c *conversation) {
	byLast := func(c *conversation, l lastTurn) int { return c.last.compare(l) }
	if at, found := slices.BinarySearchFunc(x.byAge, c.last, byLast); found {
		x.byAge = slices.Delete(x.byAge, at, at+1)
	}
	c.last = lastTurn{}
	if n := len(c.order); n > 0 {
		t := &x.turns[c.order[n-1]]
		c.last = lastTurn{t.acceptedAt, t.id}
		at, _ := slices.BinarySearchFunc(x.byAge, c.last, byLast)
		x.byAge = slices.Insert(x.byAge, at, c)
	}
}

// find gives where in its order the conversation's turn with the number is, or
// would be.
func (x *index) find(c *conversation, number int64) (int, bool) {
	return slices.BinarySearchFunc(c.order, number, func(slot int32, n int64) int {
		return cmp.Compare(x.turns[slot].number, n)
	})
}

// takeSlot takes a free slot of list, or makes one.
func takeSlot[T any](list *[]T, free *[]int32) int32 {
	if n := len(*free); n > 0 {
		slot := (*free)[n-1]
		*free = (*free)[:n-1]
		return slot
	}
	var zero T
	*list = append(*list, zero)
	return int32(len(*list) - 1) //nolint:gosec // bounded by memory
}

// asks reports whether the text ends with a question mark.
func asks(content string) bool {
	content = strings.TrimSpace(content)
	return strings.HasSuffix(content, "?") || strings.HasSuffix(content, "？") || strings.HasSuffix(content, "؟")
}
