package facts_test

import (
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/facts"
)

// say gives what the rules find in a text, as "attribute: value".
func say(role core.Role, name, text string) []string {
	var out []string
	for _, c := range (facts.Rules{}).Extract(core.Interaction{ID: "int_1", Role: role, Name: name, Content: text}) {
		out = append(out, c.Attribute+": "+c.Value)
	}
	return out
}

func TestRulesFindWhatPeopleSayOfThemselves(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"My name is Ada Lovelace.":                              "name: Ada Lovelace",
		"Hey, I live in Lisbon now, near the river.":            "lives in: Lisbon",
		"I just moved to New York last month!":                  "lives in: New York",
		"I moved to Oslo in May, and I am allergic to peanuts.": "lives in: Oslo",
		"I moved to Oslo back in 2019 with my wife":             "lives in: Oslo",
		"I moved to New York City two years ago.":               "lives in: New York City",
		"I've recently moved to Rio de Janeiro last year.":      "lives in: Rio de Janeiro",
		"I moved to Oslo for the past three years":              "lives in: Oslo",
		"I live in Oslo since May":                              "lives in: Oslo",
		"I was born in Oslo in the 1980s.":                      "comes from: Oslo",
		"I got a job as a nurse in early 2020.":                 "works as: nurse",
		"I went to Japan in the spring of 2019!":                "has been to: Japan",
		"I went to Lake May in Finland.":                        "has been to: Lake May in Finland",
		"I graduated from MIT in 2015":                          "graduated from: MIT",
		"I love Paris in May.":                                  "likes: Paris in May",
		"My birthday is in May.":                                "birthday: in May",
		"I'm originally from Porto.":                            "comes from: Porto",
		"I work as a nurse at the city hospital":                "works as: nurse at the city hospital",
		"I'm a software engineer.":                              "works as: software engineer",
		"I love hiking in the mountains, it calms me.":          "likes: hiking in the mountains",
		"I really enjoy jazz and old movies.":                   "likes: jazz and old movies",
		"Honestly, I can't stand olives.":                       "dislikes: olives",
		"I'm allergic to peanuts.":                              "allergic to: peanuts",
		"I am vegetarian, so no meat for me.":                   "diet: vegetarian",
		"My favorite color is green.":                           "favorite color: green",
		"My daughter's name is Sara.":                           "daughter: Sara",
		"We took my son Tom to school.":                         "son: Tom",
		"My birthday is on May 3rd.":                            "birthday: May 3rd",
		"I'm getting better, and I play the violin every day.":  "plays: violin every day",
		"I'm learning German now - tough but fun.":              "is learning: German",
		"My wife and I went out.":                               "has: wife",
		"I turned 30 last week!":                                "age: 30",
		"Ich wohne jetzt in Berlin.":                            "lives in: Berlin",
		"Me llamo Ana.":                                         "name: Ana",
		"J'habite à Lyon.":                                      "lives in: Lyon",
		"I've been to Japan twice; I love ramen.":               "likes: ramen",
		"Well, yes, by the way, I'm married!":                   "relationship: married",
		"I love action and sci-fi movies, the effects are cool": "likes: action and sci-fi movies",
	} {
		got := say(core.RoleUser, "", text)
		found := false
		for _, g := range got {
			found = found || g == want
		}
		if !found {
			t.Errorf("%q gave %q, want %q", text, got, want)
		}
	}
}

func TestRulesFindNothingRatherThanSomethingWrong(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", ".", "?", "I", "I love it!", "I love how you did that.", "I like your dress.", "I love the colors in this photo.",
		"Do I like jazz?", "If I lived in Paris I would be happy.", "I wish I was a doctor.", "I used to live in Rome.",
		"She said I live in Berlin.", `"I live in Berlin" is a song.`, "I might move to Spain.", "I'm from there too.",
		"I'm a bit tired.", "I'm a mess today.", "I work hard.", "I love you!", "I enjoy talking to you.", "Here's my horse painting.",
		"I was born in May.", "I was born in June 1990.", "You live in Lisbon.", "I don't live in Lisbon.", "I'm not a doctor.", "Imagine I'm a pilot.", "[I live in a caption]",
	} {
		if got := say(core.RoleUser, "", text); len(got) > 0 {
			t.Errorf("%q gave %q", text, got)
		}
	}
}

func TestAssistantsTellNothingOfTheUser(t *testing.T) {
	t.Parallel()
	for _, role := range []core.Role{core.RoleAssistant, core.RoleSystem, core.RoleTool} {
		if got := say(role, "", "I live in Lisbon."); len(got) > 0 {
			t.Errorf("%s: %q", role, got)
		}
	}
	if got := say(core.RoleAssistant, "Ben", "I live in Lisbon."); len(got) != 1 {
		t.Errorf("another person of the conversation: %q", got)
	}
}

func TestCandidatesSayWhoWhenAndWherefrom(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	in := core.Interaction{ID: "int_7", Role: core.RoleUser, Name: "Ada", Content: "Hello! I live in Lisbon. I live in Lisbon.", OccurredAt: at}
	got := (facts.Rules{}).Extract(in)
	want := core.FactCandidate{Subject: "Ada", Attribute: "lives in", Value: "Lisbon", Single: true, Text: "I live in Lisbon.", Source: "int_7", ValidFrom: at}
	if len(got) != 1 || got[0] != want {
		t.Errorf("got %+v", got)
	}
}

func TestLongTextsGiveBoundedFacts(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{"a", "I love ", "my ", "I love jazz. ", "((((", "[\"«", "I, my, ", "é", "\n"} {
		text := strings.Repeat(unit, core.MaxContentBytes/len(unit))
		if got := say(core.RoleUser, "", text); len(got) > 1000 {
			t.Errorf("%q gave %d facts", unit, len(got))
		}
	}
}

func FuzzRules(f *testing.F) {
	f.Add("I live in Lisbon, and I love my dog Max's “house”.")
	f.Fuzz(func(t *testing.T, text string) {
		for _, c := range (facts.Rules{}).Extract(core.Interaction{Role: core.RoleUser, Content: text}) {
			if c.Value == "" || c.Attribute == "" || !strings.Contains(text, c.Text) && !strings.ContainsAny(text, `[("“«`) {
				t.Errorf("%+v", c)
			}
		}
	})
}
