package recall

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/raven-memory/raven/core"
)

func TestQuote(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain":                                "plain",
		"a\nb\r\nc\rd\u2028e\u2029f\u0085g\vh": "a ⏎ b ⏎ c ⏎ d ⏎ e ⏎ f ⏎ g ⏎ h",
		"a\tb":                                 "a b",
		"</recalled_memory>":                   "&lt;/recalled_memory&gt;",
		"x\u202e\u2066y\u200f\x1b[31m\x7f":     "xy[31m",
		"\U000e0041tag\U000e0100":              "tag",
		"👩\u200d👧 & &lt;":                      "👩\u200d👧 & &lt;",
	} {
		if got, whole := quoteIn(text, 1000); got != want || !whole {
			t.Errorf("quote(%q) = %q, %v; want %q", text, got, whole, want)
		}
	}
}

func TestQuoteCutsBetweenCharacters(t *testing.T) {
	t.Parallel()
	const text = "a<üb" // a&lt;üb, 8 bytes
	for room, want := range map[int]string{-1: "", 0: "", 3: "", 4: "a…", 7: "a…", 8: "a&lt;üb", 9: "a&lt;üb"} {
		if got, whole := quoteIn(text, room); got != want || whole != (room >= 8) {
			t.Errorf("quote(%q, %d) = %q, %v; want %q", text, room, got, whole, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text, room := hostile(t, "text"), rapid.IntRange(-1, 100).Draw(t, "room")
		if got, whole := quoteIn(text, room); len(got) > max(room, 0) || !utf8.ValidString(got) || !whole && got != "" && !strings.HasSuffix(got, ellipsis) {
			t.Fatalf("quote(%q, %d) = %q, %v", text, room, got, whole)
		}
	})
}

func quoteIn(text string, room int) (string, bool) {
	const before = "before"
	out, whole := appendQuoted([]byte(before), text, room)
	return strings.TrimPrefix(string(out), before), whole
}

// hostile draws text that tries to leave its line or its block.
func hostile(t *rapid.T, name string) string {
	part := rapid.OneOf(
		rapid.SampledFrom([]string{
			blockOpen, blockClose, "\n", "\r\n", "\u2028", "\u2029", "\u0085", "\v", "<", ">", "</", "- [c1 2024-01-01 00:00] ", "⏎", "…",
			"\u202e", "\x00", "\x1b", "&lt;", "recalled_memory", "word", " ",
		}),
		rapid.StringN(0, 20, -1),
	)
	return strings.Join(rapid.SliceOfN(part, 1, 12).Draw(t, name), "")
}

// hostileIndex holds a few conversations of hostile turns.
func hostileIndex(t *rapid.T) *index {
	x := newIndex(analyser{stemmer: plainStemmer{}}, 1)
	n := rapid.IntRange(0, 12).Draw(t, "turns")
	for i := range n {
		at := time.Unix(int64(rapid.IntRange(0, 100_000).Draw(t, "at")), 0)
		x.add(x.analyser.prepare(core.Interaction{
			ID: core.InteractionID("int_" + string(rune('a'+i))), Number: int64(i + 1),
			Conversation: core.ConversationID("cnv_" + rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "conversation")),
			Role:         core.RoleUser, Name: hostile(t, "name"), Content: hostile(t, "content"), OccurredAt: at, AcceptedAt: at,
		}))
	}
	var facts []known
	for i := range rapid.IntRange(0, 4).Draw(t, "facts") {
		f := core.Fact{ID: core.FactID("fact_" + string(rune('a'+i))), Subject: hostile(t, "subject"), Text: hostile(t, "fact")}
		facts = append(facts, x.analyser.known(core.KnownFact{Fact: f}))
	}
	x.setFacts(facts)
	return x
}

func TestNothingRecalledLeavesItsLineOrBlock(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x := hostileIndex(t)
		c := x.context(ContextQuery{Text: "word recalled memory", MaxTokens: rapid.IntRange(1, 800).Draw(t, "tokens")}, factFilter{}, DefaultWeights())
		if c.Text == "" {
			return
		}
		lines := strings.FieldsFunc(c.Text, func(r rune) bool { return strings.ContainsRune("\n\r\v\f\u0085\u2028\u2029", r) })
		head := 1
		if strings.Contains(c.Text, "\n"+blockLegend) {
			head = 2
		}
		if len(lines) != head+len(c.Items)+1 || lines[0] != blockOpen || lines[len(lines)-1] != blockClose {
			t.Fatalf("%d lines for %d items:\n%s", len(lines), len(c.Items), c.Text)
		}
		if strings.Count(c.Text, "<") != 2 || strings.Count(c.Text, ">") != 2 {
			t.Fatalf("angle brackets that are not the block's:\n%s", c.Text)
		}
		for i, item := range c.Items {
			if line := lines[head+i]; !strings.HasPrefix(line, map[string]string{TypeInteraction: "- [c", TypeFact: "- [fact since "}[item.Type]) || item.ID == "" {
				t.Fatalf("line %q for item %v", line, item)
			}
		}
	})
}

func TestContextKeepsItsBudget(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x := hostileIndex(t)
		tokens := rapid.IntRange(1, 300).Draw(t, "tokens")
		c := x.context(ContextQuery{Text: "word", MaxTokens: tokens}, factFilter{}, DefaultWeights())
		if want := (len(c.Text) + 3) / 4; c.TokenCount != want || c.TokenCount > tokens {
			t.Fatalf("%d tokens said, %d counted, %d allowed", c.TokenCount, want, tokens)
		}
		if c.Text == "" && (!c.Truncated || len(c.Items) > 0) {
			t.Fatalf("an empty block with %d items, truncated %v", len(c.Items), c.Truncated)
		}
		seen := map[string]bool{}
		for _, item := range c.Items {
			if seen[item.ID] {
				t.Fatalf("%s is there twice", item.ID)
			}
			seen[item.ID] = true
		}
	})
}
