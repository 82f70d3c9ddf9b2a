package facts

import (
	"math/rand/v2"
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
				if !r.sieve.passes(clause) {
					t.Fatalf("%q matches %s", clause, r.pattern)
				}
			}
		}
	}
	if len(matched) < 10 {
		t.Errorf("only %d rules matched; the test proves little", len(matched))
	}
}

func TestSieveKeepsMostClausesBack(t *testing.T) {
	t.Parallel()
	for _, clause := range []string{"The weather was fine.", "everybody agreed on it", "London is large"} {
		passed := 0
		for i := range rules {
			if rules[i].sieve.passes(clause) {
				passed++
			}
		}
		if passed > 1 { // one may begin with the same letter
			t.Errorf("%d rules are tried on %q", passed, clause)
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
