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
	terms         map[string][]posting // by term; names of speakers under nameTerm
	languages     [16]int              // how many turns are in each

	sessions     []session // by slot; a free slot has no turns
	freeSessions []int32

	facts []known // that nothing superseded

	length int64 // of all turns together
	bytes  int64 // about what the index takes
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

// place is what ranking needs of each turn, apart from the rest of it because
// ranking walks over all turns.
type place struct {
	previous, next int32 // neighbours in the session, none at its ends
	session        int32 // none for a free slot
	length         int32 // in terms
	asks           bool  // it ends with a question mark
}

type conversation struct {
	id    core.ConversationID
	order []int32 // slots of its turns, by number
}

type session struct {
	turns  int32
	length int64
}

// posting says how often a term is in a turn. A term's postings are sorted by slot.
type posting struct{ slot, count int32 }

func newIndex(a analyser, version int64) *index {
	return &index{
		analyser: a, version: version,
		byID:          map[core.InteractionID]int32{},
		conversations: map[core.ConversationID]*conversation{},
		terms:         map[string][]posting{},
		bytes:         indexBytes,
	}
}

// live is the number of turns.
func (x *index) live() int { return len(x.byID) }

// prepared is an interaction ready to be added, all that takes time done.
type prepared struct {
	interaction core.Interaction
	terms       map[string]int32
	length      int32
	language    language
}

func (a analyser) prepare(in core.Interaction) prepared {
	p := prepared{interaction: in}
	p.terms, p.length, p.language = a.terms(in.Content)
	for _, w := range words(in.Name) {
		p.terms[nameTerm(w)] = 1
	}
	return p
}

// nameTerm is the term for turns of a speaker with that word in their name. No
// term of a text begins like it.
func nameTerm(word string) string { return "@" + word }

// add adds a turn. One that is there already only learns its blob.
func (x *index) add(p prepared) {
	in := &p.interaction
	if slot, ok := x.byID[in.ID]; ok {
		if in.Blob != "" {
			x.turns[slot].blob = unique.Make(in.Blob)
		}
		return
	}
	c := x.conversations[in.Conversation]
	if c == nil {
		c = &conversation{id: core.ConversationID(strings.Clone(string(in.Conversation)))}
		x.conversations[c.id] = c
		x.bytes += conversationBytes
	}
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
	x.places[slot] = place{previous: none, next: none, session: none, length: p.length, asks: asks(in.Content)}
	x.byID[in.ID] = slot
	x.languages[p.language]++
	x.length += int64(p.length)
	x.bytes += x.turns[slot].bytes()
	for term, count := range p.terms {
		x.post(term, posting{slot, count})
	}
	at, _ := x.find(c, in.Number)
	c.order = slices.Insert(c.order, at, slot)
	if at == len(c.order)-1 {
		x.join(c, at)
	} else {
		x.divide(c)
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
