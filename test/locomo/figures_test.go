package locomo_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/raven-memory/raven/test/locomo"
)

const data = `[{"sample_id": "s", "speakers": ["Ada", "Bob"],
	"sessions": [{"session": 1, "date_time": "1:56 pm on 8 May, 2023", "turns": [
		{"dia_id": "D1:1", "speaker": "Ada", "text": "Look!", "blip_caption": "a dog"}, {"dia_id": "D1:2", "speaker": "Bob", "text": "Nice."}]}],
	"questions": [
		{"question": "What is on the photo?", "category": 4, "evidence": ["D1:1", "D1:2"]},
		{"question": "What is Ada's cat called?", "category": 5, "evidence": ["D1:1"]},
		{"question": "Who is there?", "category": 1, "evidence": []}]}]`

func TestRecallIsTheShareOfTheEvidenceByDepth(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data.json")
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	samples, err := locomo.Load(path, false)
	if err != nil {
		t.Fatal(err)
	}
	turns := samples[0].Sessions[0].Turns
	if got := turns[0].Content(); got != "Look! [shares a photo: a dog]" || turns[0].Role != "user" || turns[1].Role != "assistant" || !turns[1].At.After(turns[0].At) {
		t.Errorf("the turns are %+v, the first is stored as %q", turns, got)
	}
	f := locomo.NewFigures()
	err = f.Ask(samples[0], func(string) ([]string, error) {
		return []string{"D1:1", "", "", "", "", "", "D1:2", "D1:2"}, nil
	})
	if err != nil || f.Total().String() != "50.0/100.0/100.0/100.0" || f.Total().Questions() != 1 {
		t.Errorf("recall is %s over %d questions, %v", f.Total(), f.Total().Questions(), err)
	}
}
