package facts

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestSieveKeepsNothingThatARuleMatches draws clauses of the words that the
// patterns are about.
func TestSieveKeepsNothingThatARuleMatches(t *testing.T) {
	t.Parallel()
	words := strings.Fields(`I I'm I’m I've i'm i am We Ich Me Mi Mein Je J'aime J’habite Vivo Soy Trabajo Yo Mon Ahora My my Call call You can me
		name is full real live in moved to love my dog cat, Max wife Anna. friend son, from was born work as a an at for been playing guitar
		have two kids got the Lisbon bin wohne llamo gusta suis vegan turned 30 birthday May heiße favorite color blue business blog`)
	matched := map[string]bool{}
	random := rand.New(rand.NewPCG(1, 2))
	for range 8_000 {
		drawn := make([]string, 1+random.IntN(9))
		for i := range drawn {
			drawn[i] = words[random.IntN(len(words))]
		}
		clause := strings.Join(drawn, " ")
		for i := range rules {
			r := &rules[i]
			if r.pattern.MatchString(clause) {
				matched[r.pattern.String()] = true
				if !passes(r, clause) {
					t.Fatalf("%q matches %s", clause, r.pattern)
				}
			}
		}
	}
	if len(matched) < 10 {
		t.Errorf("only %d rules matched; the test proves little", len(matched))
	}
}

// passes reports whether the rule is tried on the clause.
func passes(r *rule, clause string) bool {
	return slices.Contains(candidates(clause), r) && holdsOne(clause, r.sieve.holding)
}

func TestSieveKeepsMostClausesBack(t *testing.T) {
	t.Parallel()
	for _, clause := range []string{"The weather was fine.", "everybody agreed on it", "London is large"} {
		passed := 0
		for i := range rules {
			if passes(&rules[i], clause) {
				passed++
			}
		}
		if passed > 1 { // one may begin with the same letter
			t.Errorf("%d rules are tried on %q", passed, clause)
		}
	}
}

// TestGuardsKeepNothingBackThatIsFound holds what says that a pattern is not
// worth its time against the pattern.
func TestGuardsKeepNothingBackThatIsFound(t *testing.T) {
	t.Parallel()
	pieces := strings.Split(openings+"|, I |; my|and\tMy|so  I'm| - I've|—\fI|I|my|Ada,|Zoë,|A|K|ſ|É|thank|in|en|the|1| |  |\t|\n|\f|\v|,|!|.|…|-|–|—|;|'|(|\xff|\u00a0", "|")
	random := rand.New(rand.NewPCG(3, 4))
	opened, parted := 0, 0
	for range 10_000 {
		var drawn strings.Builder
		for range 1 + random.IntN(6) {
			piece := pieces[random.IntN(len(pieces))]
			if random.IntN(4) == 0 {
				piece = strings.ToUpper(piece)
			}
			drawn.WriteString(piece + " "[random.IntN(2):])
		}
		sentence := drawn.String()
		if opening.MatchString(sentence) {
			opened++
			if !mayOpen(sentence) {
				t.Fatalf("%q has an opening", sentence)
			}
		}
		if clauseStart.MatchString(sentence) {
			parted++
			if !speaksOn(sentence) {
				t.Fatalf("%q has another clause", sentence)
			}
		}
	}
	if opened < 1000 || parted < 100 {
		t.Errorf("%d openings and %d clauses; the test proves little", opened, parted)
	}
}

func TestQuotedIsLeftOut(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "plain é": "plain é", "a (b) c": "a   c", `"a" b`: "  b", "a [b": "a [b", "a “b” «c»": "a    ",
		"a (b [c) d] e": "a   d] e", "[a](b) c": "   c", "é[é]é": "é é", "a\xff(b)": "a\xff ",
	} {
		if got := unquoted(text); got != want {
			t.Errorf("%q gave %q, want %q", text, got, want)
		}
	}
}

func BenchmarkRules(b *testing.B) {
	for name, text := range map[string]string{
		"nothing": "The weather was fine, and everybody agreed on where to go next.",
		"fact":    "Well, I live in Lisbon now, and my dog Max loves it.",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				stated(text)
			}
		})
	}
}
