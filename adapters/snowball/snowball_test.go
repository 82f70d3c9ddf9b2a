package snowball_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/raven-memory/raven/adapters/snowball"
)

func TestFormsOfAWordShareAStem(t *testing.T) {
	t.Parallel()
	for language, forms := range map[string][2]string{
		"en": {"running", "runs"},
		"es": {"gatos", "gato"},
		"fr": {"chanteuses", "chanteuse"},
		"hu": {"házak", "ház"},
		"no": {"bøker", "bøkene"},
		"ru": {"книги", "книга"},
		"sv": {"bilarna", "bilar"},
	} {
		a := snowball.New().Stem(language, forms[0])
		b := snowball.New().Stem(language, forms[1])
		if a != b || a == "" {
			t.Errorf("%s: %q → %q, %q → %q; want one stem", language, forms[0], a, forms[1], b)
		}
	}
}

func TestUnknownLanguageKeepsTheWord(t *testing.T) {
	t.Parallel()
	for _, language := range []string{"", "de", "zz", "EN"} {
		if got := snowball.New().Stem(language, "running"); got != "running" {
			t.Errorf("Stem(%q, running) = %q", language, got)
		}
	}
}

func TestStemNeverFails(t *testing.T) {
	t.Parallel()
	languages := []string{"en", "es", "fr", "hu", "no", "ru", "sv"}
	word := rapid.OneOf(
		rapid.String(),
		rapid.StringOf(rapid.RuneFrom([]rune("aeiouybcdglnrstvzéèêáíóöőüűåäøñç'ингаяью"))),
	)
	rapid.Check(t, func(t *rapid.T) {
		snowball.New().Stem(rapid.SampledFrom(languages).Draw(t, "language"), word.Draw(t, "word"))
	})
}
