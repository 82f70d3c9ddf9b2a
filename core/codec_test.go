package core_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/raven-memory/raven/core"
)

func anyInteraction(t *rapid.T) core.Interaction {
	at := func(name string) time.Time {
		return time.UnixMilli(rapid.Int64Range(-62135596800000, 253402300799999).Draw(t, name)).UTC()
	}
	return core.Interaction{
		ID:         core.InteractionID(rapid.String().Draw(t, "id")),
		Number:     rapid.Int64().Draw(t, "number"),
		Role:       core.Role(rapid.OneOf(rapid.SampledFrom([]string{"user", "assistant", "system", "tool"}), rapid.String()).Draw(t, "role")),
		Name:       rapid.OneOf(rapid.SampledFrom([]string{"", "Ada", "Ben"}), rapid.String()).Draw(t, "name"),
		Content:    rapid.String().Draw(t, "content"),
		Metadata:   core.Metadata(rapid.String().Draw(t, "metadata")),
		OccurredAt: at("occurred"),
		AcceptedAt: at("accepted"),
	}
}

func TestInteractionsComeBackAsTheyWereEncoded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Custom(anyInteraction), 0, 5).Draw(t, "list")
		encoded := core.EncodeInteractions(list)
		got, err := core.DecodeInteractions(encoded)
		if err != nil || len(got) != len(list) || len(list) > 0 && !reflect.DeepEqual(got, list) {
			t.Fatalf("got %+v, %v; want %+v", got, err, list)
		}
		for cut := range encoded {
			if _, err := core.DecodeInteractions(encoded[:cut]); !errors.Is(err, core.ErrMalformed) {
				t.Fatalf("cut at %d of %d: %v", cut, len(encoded), err)
			}
		}
	})
}

func FuzzDecodeInteractions(f *testing.F) {
	f.Add(core.EncodeInteractions([]core.Interaction{{ID: "int_1", Role: core.RoleUser, Content: "hello"}}))
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := core.DecodeInteractions(b)
		if err != nil && !errors.Is(err, core.ErrMalformed) {
			t.Errorf("unexpected error %v", err)
		}
		if err == nil {
			if _, err := core.DecodeInteractions(core.EncodeInteractions(list)); err != nil {
				t.Errorf("what was decoded does not encode: %v", err)
			}
		}
	})
}
