package recall

import (
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/raven-memory/raven/core"
)

// packables makes blobs of turns, from a list of texts each.
func packablesOf(a analyser, blobs ...[]string) []packable {
	var list []packable
	for i, texts := range blobs {
		b := packable{blob: core.BlobRecord{
			ID: core.BlobID(fmt.Sprint("blob_", i)), Conversation: core.ConversationID(fmt.Sprint("cnv_", i/2)),
		}}
		for j, text := range texts {
			at := time.UnixMilli(int64(1_700_000_000_000 + 1000*i + j)).UTC()
			in := core.Interaction{
				ID: core.InteractionID(fmt.Sprintf("int_%d_%d", i, j)), Number: int64(j*j + i), Role: core.RoleAssistant,
				Name: []string{"", "Ada", "Ngozi"}[j%3], Content: text, Metadata: core.Metadata([]string{"", `{"a":1}`}[j%2]),
				OccurredAt: at.Add(-time.Hour), AcceptedAt: at, Conversation: b.blob.Conversation, Blob: b.blob.ID,
			}
			b.blob.Interactions = append(b.blob.Interactions, in.ID)
			b.turns = append(b.turns, a.prepare(in))
		}
		list = append(list, b)
	}
	return list
}

func TestASegmentGivesBackWhatWasPrepared(t *testing.T) {
	t.Parallel()
	a := analyser{stemmer: plainStemmer{}}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.Custom(func(t *rapid.T) string {
			return strings.Join(rapid.SliceOfN(rapid.SampledFrom(randomWords), 0, 9).Draw(t, "words"), " ")
		}))
		blobs := packablesOf(a, rapid.SliceOfN(rapid.SliceOfN(text, 0, 5), 0, 5).Draw(t, "texts")...)
		s, ok := decodeSegment(a.fingerprint(), encodeSegment(a.fingerprint(), blobs))
		if !ok || len(s.blobs) != len(blobs) {
			t.Fatalf("%v, %d blobs of %d", ok, len(s.blobs), len(blobs))
		}
		for _, b := range blobs {
			p := s.blobs[b.blob.ID]
			got, ok := p.all(b.blob.ID)
			if !ok {
				t.Fatal("a blob does not decode")
			}
			if p.contents != contentsOf(b.blob.Interactions) || len(got) != len(b.turns) {
				t.Fatalf("of %d turns there are %d", len(b.turns), len(got))
			}
			for i := range got {
				if !reflect.DeepEqual(got[i], b.turns[i]) {
					t.Fatalf("got %+v\nwant %+v", got[i], b.turns[i])
				}
			}
		}
	})
}

func TestASegmentOfAnotherFormatOrAnalyserIsNotUsed(t *testing.T) {
	t.Parallel()
	a := analyser{stemmer: plainStemmer{}}
	data := encodeSegment(a.fingerprint(), packablesOf(a, []string{"tea"}))
	if _, ok := decodeSegment(a.fingerprint(), data); !ok {
		t.Fatal("it does not decode at all")
	}
	if _, ok := decodeSegment((analyser{stemmer: shoutingStemmer{}}).fingerprint(), data); ok {
		t.Error("terms of another analyser were taken")
	}
	data[0]++
	if _, ok := decodeSegment(a.fingerprint(), data); ok {
		t.Error("another format was taken")
	}
}

type shoutingStemmer struct{}

func (shoutingStemmer) Stem(_, word string) string { return strings.ToUpper(word) }

func TestACutSegmentIsNotUsed(t *testing.T) {
	t.Parallel()
	a := analyser{stemmer: plainStemmer{}}
	data := encodeSegment(a.fingerprint(), packablesOf(a, []string{"green tea", "no coffee"}, []string{"rain"}))
	for n := range data {
		if _, ok := decodeSegment(a.fingerprint(), data[:n]); ok {
			t.Errorf("%d bytes of %d were taken", n, len(data))
		}
	}
}

// FuzzDecodeSegment holds that no bytes make decoding panic, or take much more
// memory than they are.
func FuzzDecodeSegment(f *testing.F) {
	a := analyser{stemmer: plainStemmer{}}
	by := a.fingerprint()
	data := encodeSegment(by, packablesOf(a, []string{"green tea", "no coffee"}, []string{"rain", ""}))
	f.Add(data[9:])
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Add([]byte{0, 0, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 4, 0xff, 0xff, 0xff, 0x7f})
	head := append([]byte{segmentFormat}, by[:]...)
	f.Fuzz(func(t *testing.T, rest []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		s, ok := decodeSegment(by, append(head[:len(head):len(head)], rest...))
		if ok {
			for id, p := range s.blobs {
				p.each(id, func(turn prepared, _ []placeCount) {
					if int(turn.language) >= len(languages) || turn.length < 0 {
						t.Errorf("decoded %+v", turn)
					}
				})
			}
		}
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > uint64(1<<20+400*len(rest)) {
			t.Errorf("%d bytes took %d of memory", len(rest), took)
		}
	})
}
