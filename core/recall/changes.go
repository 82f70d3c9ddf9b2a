package recall

import (
	"slices"
	"unique"

	"github.com/raven-memory/raven/core"
)

// apply brings the index to a version: the changes up to it, in order, and the
// turns that they added. What was applied before changes nothing.
func (x *index) apply(version int64, changes []core.Change, added []prepared) {
	for i := range changes {
		switch c := &changes[i]; c.Kind {
		case core.ChangeAppended, core.ChangeFact: // its turns are in added, facts are read anew
		case core.ChangeSealed:
			x.seal(c)
		case core.ChangeForgotten:
			x.forget(c.Interactions)
		case core.ChangeConversationDeleted:
			x.forgetConversation(c.Conversation)
		case core.ChangeCleared:
			*x = *newIndex(x.analyser, version)
		}
	}
	for i := range added {
		x.add(added[i])
	}
	x.version = version
}

// seal notes the blob that turns went into.
func (x *index) seal(change *core.Change) {
	c := x.conversations[change.Conversation]
	if c == nil {
		return
	}
	blob := unique.Make(change.Blob)
	for at, _ := x.find(c, change.First); at < len(c.order); at++ {
		t := &x.turns[c.order[at]]
		if t.number > change.Last {
			return
		}
		t.blob = blob
	}
}

func (x *index) forgetConversation(id core.ConversationID) {
	c := x.conversations[id]
	if c == nil {
		return
	}
	ids := make([]core.InteractionID, len(c.order))
	for i, slot := range c.order {
		ids[i] = x.turns[slot].id
	}
	x.forget(ids)
}

// forget removes turns; those that are not there are passed over.
func (x *index) forget(ids []core.InteractionID) {
	touched := map[*conversation]bool{}
	for _, id := range ids {
		if slot, ok := x.byID[id]; ok {
			touched[x.turns[slot].conversation] = true
			x.remove(slot)
		}
	}
	for c := range touched {
		c.order = slices.DeleteFunc(c.order, func(slot int32) bool { return x.turns[slot].id == "" })
		x.divide(c, 0)
		x.age(c)
		if len(c.order) == 0 {
			delete(x.conversations, c.id)
			x.bytes -= conversationBytes
		}
	}
}

// remove frees a turn's slot and takes everything of it out of the index but
// its place in the conversation's order, which is the caller's to close.
func (x *index) remove(slot int32) {
	t := &x.turns[slot]
	x.unpostAll(x.analyse(slot), slot)
	x.leaveSpeaker(x.places[slot].speaker)
	x.length -= int64(x.places[slot].length)
	x.languages[t.language]--
	x.bytes -= t.bytes()
	x.vectors.forget(slot, t.conversation.id, t.number)
	delete(x.byID, t.id)
	*t = turn{}
	x.places[slot] = place{session: none, speaker: nobody}
	x.free = append(x.free, slot)
}
