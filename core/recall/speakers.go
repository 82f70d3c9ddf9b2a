package recall

import (
	"slices"
	"strings"
)

// speaker is a name that turns have.
type speaker struct {
	name  string
	turns int32
}

// nobody stands for the speaker of a turn without a name.
const nobody int32 = -1

// takeSpeaker gives the speaker's slot, counting one more turn of theirs.
func (x *index) takeSpeaker(name string) int32 {
	if name == "" {
		return nobody
	}
	slot, ok := x.speakerOf[name]
	if !ok {
		name = strings.Clone(name)
		slot = takeSlot(&x.speakers, &x.freeSpeakers)
		x.speakers[slot] = speaker{name: name}
		x.speakerOf[name] = slot
		for _, w := range nameWords(name) {
			w = strings.Clone(w)
			x.named[w] = append(x.named[w], slot)
		}
		x.bytes += speakerBytes + int64(len(name))
	}
	x.speakers[slot].turns++
	return slot
}

// leaveSpeaker undoes takeSpeaker.
func (x *index) leaveSpeaker(slot int32) {
	if slot == nobody {
		return
	}
	s := &x.speakers[slot]
	s.turns--
	if s.turns > 0 {
		return
	}
	for _, w := range nameWords(s.name) {
		list := slices.DeleteFunc(x.named[w], func(other int32) bool { return other == slot })
		if x.named[w] = list; len(list) == 0 {
			delete(x.named, w)
		}
	}
	x.bytes -= speakerBytes + int64(len(s.name))
	delete(x.speakerOf, s.name)
	*s = speaker{}
	x.freeSpeakers = append(x.freeSpeakers, slot)
}

// speakerBit is the bit that stands for a speaker, and for others, in a set of 64.
func speakerBit(slot int32) uint64 {
	if slot == nobody {
		return 0
	}
	return 1 << (slot % 64)
}

// nameWords are the words of a name, each once.
func nameWords(name string) []string {
	list := words(name)
	slices.Sort(list)
	return slices.Compact(list)
}
