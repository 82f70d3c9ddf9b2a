package recall

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                              "",
		"Hello, World!":                 "hello world",
		"Ada's cat doesn't like Bob’s.": "ada cat doesn like bob",
		"L'amour qu'il a, d'accord":     "amour il a accord",
		"O'Brien":                       "brien",
		"rock 'n' roll":                 "rock roll",
		"pi is 3.14, not 1,000,000.":    "pi is 3.14 not 1000000",
		"1,2 and 12,34":                 "1 2 and 12 34",
		"v2.0-rc1 at 10:30":             "v2.0 rc1 at 10 30",
		"naïve CAFÉ Ångström":           "naïve café ångström",
		"cafe\u0301 N\u0303andu\u0301":  "café ñandú",
		"И\u0306од":                     "йод",
		"ＡＢＣ１２":                         "abc12",
		"東京タワー":                         "東 京 東京 タ 京タ ワ タワ ー ワー",
		"我 love 你":                      "我 love 你",
		"हिन्दी भाषा":                   "हिन्दी भाषा",
		"🎉🎉 👩‍👩‍👧 …":                    "",
		"x":                             "x",
		"user@example.com":              "user example com",
		"tab\tnew\nline\u2028end":       "tab new line end",
	} {
		if got := strings.Join(words(text), " "); got != want {
			t.Errorf("words(%q) = %q; want %q", text, got, want)
		}
	}
}

func TestWordsAreBoundedAndLowerCase(t *testing.T) {
	t.Parallel()
	if got := words(strings.Repeat("ü", 10_000)); len(got) != 1 || len(got[0]) > longestWord {
		t.Errorf("a long word gives %d words, the first of %d bytes", len(got), len(got[0]))
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		for _, w := range words(text) {
			if w == "" || len(w) > longestWord || strings.ContainsAny(w, " \n@<>'") {
				t.Fatalf("words(%q) gives %q", text, w)
			}
		}
	})
}

func TestDetect(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                          "en",
		"zeppelin":                                  "en",
		"What did she say about the house?":         "en",
		"¿Dónde está la casa de mi madre?":          "es",
		"Je ne sais pas où elle est allée":          "fr",
		"Я не знаю, где она":                        "ru",
		"I met Иван in the park":                    "en",
		"Поехали":                                   "ru",
		"Jag vet inte var hon är":                   "sv",
		"Jeg vet ikke hvor hun er blitt av":         "no",
		"Nem tudom, hogy hol van":                   "hu",
		"Ich weiß nicht, wo sie ist":                "de",
		"Non so dove sono le chiavi della casa":     "it",
		"Não sei onde está a minha chave, você tem": "pt",
		"Ik weet niet waar zij is":                  "nl",
	} {
		if got := languages[detect(words(text))].code; got != want {
			t.Errorf("detect(%q) = %s; want %s", text, got, want)
		}
	}
}

func TestTermsIgnoreAccentsOnlyWhereWritersDo(t *testing.T) {
	t.Parallel()
	a := analyser{stemmer: plainStemmer{}}
	spanish := language(slices.IndexFunc(languages, func(l struct {
		code      string
		omitMarks bool
		stop      string
	}) bool {
		return l.code == "es"
	}))
	if got := a.term(spanish, "camión"); got != "camion" {
		t.Errorf("Spanish camión → %q", got)
	}
	if got := a.term(english, "café"); got != "café" {
		t.Errorf("English café → %q", got)
	}
}

func TestFindDates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]dateSpan{
		"in June":                        {{month: time.June}},
		"on 25 May, 2022":                {{2022, time.May, 25}},
		"on May 25th, 2022":              {{2022, time.May, 25}},
		"the 3rd of March":               {{month: time.March, day: 3}},
		"el 5 de julio de 2023":          {{2023, time.July, 5}},
		"in 2022?":                       {{year: 2022}},
		"on 2023-05-08":                  {{2023, time.May, 8}},
		"between May 2023 and July 2023": {{year: 2023, month: time.May}, {year: 2023, month: time.July}},
		"im März":                        {{month: time.March}},
		"Who may march?":                 nil,
		"what happened in may":           {{month: time.May}},
		"room 101, 32 people":            nil,
		"may":                            nil,
	} {
		if got := findDates(words(text)); !slices.Equal(got, want) {
			t.Errorf("findDates(%q) = %v; want %v", text, got, want)
		}
	}
}

func TestIntervalsAreFew(t *testing.T) {
	t.Parallel()
	list := findDates(words(strings.Repeat("in June ", 1000)))
	got := intervals(list, time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli(), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli())
	if len(got) > maxDates*(maxYears+1) {
		t.Errorf("%d intervals", len(got))
	}
}
