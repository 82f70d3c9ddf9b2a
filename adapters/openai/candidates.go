package openai

import (
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/raven-memory/raven/core"
)

const (
	maxSubjectBytes = 100
	maxValueBytes   = 200
)

// attributes are what a fact may say of somebody, and whether there is one of
// it at a time, so that a newer one supersedes the older. They are the words
// that core/facts uses. Which of them supersede is not for the model to say.
var attributes = map[string]bool{
	"name": true, "age": true, "birthday": true, "lives in": true, "comes from": false, "works as": true, "works at": true,
	"studies": true, "relationship": true, "diet": true, "likes": false, "dislikes": false, "plays": false, "has": false,
	"has been to": false, "speaks": false, "allergic to": false, "afraid of": false, "owns": false, "collects": false,
	"runs": false, "knows": false, "pet": false, "wife": true, "husband": true, "partner": true, "son": false,
	"daughter": false, "sister": false, "brother": false, "mother": true, "father": true, "is learning": false,
	"is training for": false, "volunteers at": false, "graduated from": false, "joined": false,
}

// schema is the JSON schema of an answer.
func schema() map[string]any {
	text := map[string]any{"type": "string"}
	return map[string]any{
		"type": "object", "additionalProperties": false, "required": []string{"facts"},
		"properties": map[string]any{"facts": map[string]any{
			"type": "array",
			"items": map[string]any{
				"type": "object", "additionalProperties": false,
				"required": []string{"message", "subject", "attribute", "value", "quote"},
				"properties": map[string]any{
					"message": map[string]any{"type": "integer"}, "subject": text, "value": text, "quote": text,
					"attribute": map[string]any{"type": "string", "enum": slices.Sorted(maps.Keys(attributes))},
				},
			},
		}},
	}
}

// candidates keeps of a model's facts those that are sound.
func candidates(batch []core.Interaction, facts []fact) []core.FactCandidate {
	var found []core.FactCandidate
	count := make([]int, len(batch))
	seen := map[[4]string]bool{}
	for _, f := range facts {
		if f.Message < 1 || f.Message > len(batch) {
			continue
		}
		in := batch[f.Message-1]
		c, ok := f.candidate(in)
		key := [4]string{string(in.ID), folded(c.Subject), c.Attribute, folded(c.Value)}
		if !ok || seen[key] || count[f.Message-1] == factsOfOneMessage {
			continue
		}
		seen[key] = true
		count[f.Message-1]++
		found = append(found, c)
	}
	return found
}

// candidate reads a fact, and reports whether the interaction says it: the
// sentence is in it, and whom and what it is about in the sentence.
func (f fact) candidate(in core.Interaction) (core.FactCandidate, bool) {
	single, known := attributes[f.Attribute]
	subject, value, quote := line(f.Subject), line(f.Value), line(f.Quote)
	said, sentence := folded(in.Content), folded(quote)
	switch {
	case !known, subject == "", len(subject) > maxSubjectBytes, value == "", len(value) > maxValueBytes:
		return core.FactCandidate{}, false
	case sentence == "", !strings.Contains(said, sentence), !saysAll(sentence, folded(value)):
		return core.FactCandidate{}, false
	case core.CheckFact(quote) != "":
		return core.FactCandidate{}, false
	}
	switch {
	case folded(subject) == "user" || folded(subject) == folded(in.Name):
		subject = "user"
		if in.Name != "" {
			subject = in.Name
		}
	case !saysAll(said, folded(subject)):
		return core.FactCandidate{}, false
	}
	return core.FactCandidate{
		Subject: subject, Attribute: f.Attribute, Value: value, Single: single,
		Text: quote, Source: in.ID, ValidFrom: in.OccurredAt,
	}, true
}

// line is text without what is invisible, its white space single spaces.
func line(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.C, r) && !unicode.IsSpace(r) {
			return -1
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

func folded(text string) string { return strings.ToLower(line(text)) }

// saysAll reports whether each word of a text is a word of the sentence; of a
// writing without spaces, whether the sentence has it as it is.
func saysAll(sentence, text string) bool {
	if strings.ContainsFunc(text, spaceless) {
		return strings.Contains(sentence, text)
	}
	apart := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r) }
	said, words := strings.FieldsFunc(sentence, apart), strings.FieldsFunc(text, apart)
	return len(words) > 0 && !slices.ContainsFunc(words, func(w string) bool { return !slices.Contains(said, w) })
}

// spaceless reports whether a letter is of a writing that sets no spaces.
func spaceless(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}
