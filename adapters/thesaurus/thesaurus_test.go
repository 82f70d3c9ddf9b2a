package thesaurus

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/raven-memory/raven/adapters/snowball"
	"github.com/raven-memory/raven/core"
)

func TestWordsNearInMeaningAreRelated(t *testing.T) {
	t.Parallel()
	th := New()
	for word, want := range map[string]string{"dog": "cat", "guitar": "bass", "doctor": "physician", "paris": "france", "happy": "glad"} {
		list := th.Related("en", word)
		if !slices.ContainsFunc(list, func(r core.RelatedWord) bool { return r.Word == want }) {
			t.Errorf("%s is not related to %s, but to %v", word, want, list)
		}
	}
}

func TestUnknownWordsAndLanguagesAreRelatedToNothing(t *testing.T) {
	t.Parallel()
	th := New()
	for _, word := range []string{"", "qqqqq", "zzzzzzzz", "Dog", "狗", "a"} {
		if list := th.Related("en", word); len(list) > 0 {
			t.Errorf("%q is related to %v", word, list)
		}
	}
	if list := th.Related("de", "dog"); len(list) > 0 {
		t.Errorf("in German, dog is related to %v", list)
	}
}

func TestTheTableKeepsItsBounds(t *testing.T) {
	t.Parallel()
	th := New()
	if th.table.words < 30_000 {
		t.Fatalf("the table has %d words", th.table.words)
	}
	stemmer := snowball.New()
	for i := range th.table.words {
		word := th.table.word(i)
		list := th.Related("en", word)
		if len(list) > core.MaxRelatedWords {
			t.Fatalf("%s has %d related words", word, len(list))
		}
		last := 1.0
		for _, r := range list {
			if r.Nearness <= 0 || r.Nearness > last {
				t.Fatalf("%s: %v is not in order", word, list)
			}
			last = r.Nearness
			if stemmer.Stem("en", r.Word) == stemmer.Stem("en", word) {
				t.Fatalf("%s is related to a form of itself: %s", word, r.Word)
			}
		}
	}
}

func TestEncodedTablesReadBack(t *testing.T) {
	t.Parallel()
	b, err := Encode(map[string][]core.RelatedWord{"cat": {{Word: "dog", Nearness: 0.8}, {Word: "cow", Nearness: 0.6}}, "dog": {{Word: "cat", Nearness: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	table, err := readTable(b)
	if err != nil {
		t.Fatal(err)
	}
	th := &Thesaurus{table}
	want := []core.RelatedWord{{Word: "dog", Nearness: 204.0 / 255}, {Word: "cow", Nearness: 153.0 / 255}}
	if got := th.Related("en", "cat"); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := th.Related("en", "cow"); len(got) != 0 {
		t.Errorf("cow: %v", got)
	}
}

func TestDamagedTablesAreRefused(t *testing.T) {
	t.Parallel()
	good, err := Encode(map[string][]core.RelatedWord{"cat": {{Word: "dog", Nearness: 0.8}}})
	if err != nil {
		t.Fatal(err)
	}
	for n := range good {
		if _, err := readTable(good[:n]); err == nil {
			t.Errorf("the first %d of %d bytes are taken", n, len(good))
		}
	}
	if _, err := readTable(append(slices.Clone(good), 0)); err == nil {
		t.Error("a byte more is taken")
	}
	for at := len(magic); at+4 <= len(good)-entrySize-len("catdog"); at += 4 {
		bad := slices.Clone(good)
		binary.LittleEndian.PutUint32(bad[at:], 1<<31)
		if _, err := readTable(bad); err == nil {
			t.Errorf("a wrong number at %d is taken", at)
		}
	}
	bad := slices.Clone(good)
	binary.LittleEndian.PutUint16(bad[len(bad)-entrySize:], 7)
	if _, err := readTable(bad); err == nil {
		t.Error("a related word that is not there is taken")
	}
}
