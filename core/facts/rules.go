package facts

import (
	"iter"
	"regexp"
	"strings"

	"github.com/raven-memory/raven/core"
)

// rule finds one kind of fact in a sentence that says it in the first person.
type rule struct {
	attribute string
	// single says that a person has one of it at a time, so that a newer value
	// takes the older one's place.
	single  bool
	pattern *regexp.Regexp // from the sentence's start; its last group is the value
	sieve   sieve
	fits    func(value string) bool
}

// Rules finds facts by patterns. It would rather find nothing than something
// wrong: a sentence that asks, supposes or reports gives none. Safe for
// concurrent use.
type Rules struct{}

// Extract gives the facts that an interaction states, in its order. What an
// assistant says of itself is nothing about the user, unless it speaks under a
// name: then it is another person of the conversation.
func (Rules) Extract(in core.Interaction) []core.FactCandidate {
	subject := in.Name
	if subject == "" {
		if in.Role != core.RoleUser {
			return nil
		}
		subject = "user"
	}
	var found []core.FactCandidate
	seen := map[string]bool{}
	for sentence := range sentences(in.Content) {
		for _, c := range stated(sentence) {
			key := c.Attribute + "\x00" + strings.ToLower(c.Value)
			if seen[key] {
				continue
			}
			seen[key] = true
			c.Subject, c.Source, c.ValidFrom = subject, in.ID, in.OccurredAt
			found = append(found, c)
		}
	}
	return found
}

// stated gives what one sentence states.
func stated(sentence string) []core.FactCandidate {
	if asks(sentence) {
		return nil
	}
	var found []core.FactCandidate
	for part := range clauses(bare(sentence)) {
		for _, r := range candidates(part) {
			if attribute, value, ok := r.match(part); ok {
				found = append(found, core.FactCandidate{Attribute: attribute, Value: value, Single: r.single, Text: sentence})
			}
		}
	}
	if len(found) > 0 && supposes.MatchString(sentence) { // it costs more than all before, and is seldom asked
		return nil
	}
	return found
}

// match reads a clause. A pattern with two groups gives the attribute's own
// words first: My favorite COLOUR is GREEN.
func (r *rule) match(part string) (attribute, value string, ok bool) {
	if !holdsOne(part, r.sieve.holding) {
		return "", "", false
	}
	m := r.pattern.FindStringSubmatch(part)
	if m == nil {
		return "", "", false
	}
	attribute, value = r.attribute, m[len(m)-1]
	if begins[attribute] {
		value = untimed(value)
	}
	value = phrase(value)
	if len(m) == 3 {
		of := phrase(m[1])
		if of == "" {
			return "", "", false
		}
		attribute += " " + strings.ToLower(of)
	}
	return attribute, value, value != "" && (r.fits == nil || r.fits(value))
}

// supposes finds sentences that say what is not, or not yet, or not known to be.
var supposes = regexp.MustCompile(`(?i)\b(?:if|would|wouldn't|could|couldn't|might|maybe|perhaps|wish|wished|hope|hoping|used to|almost|nearly|pretend|imagine|imagined|dreamed|dreamt|as though|said|says|told|asked|unless|supposed|guess|jk|kidding|not sure|wenn|würde|könnte|vielleicht|si|podría|quizás|peut-être|pourrais|voudrais)\b`)

// phrase cuts a value off where the next clause begins, and takes away what
// only leads to it. "" when what is left says nothing by itself.
func phrase(s string) string {
	if at := clauseEnd.FindStringIndex(s); at != nil {
		s = s[:at[0]]
	}
	s = joined(strings.TrimSpace(s))
	s = strings.Trim(s, `.,;:!'"-–— `)
	for short := trailing.ReplaceAllString(s, ""); short != s; short = trailing.ReplaceAllString(s, "") {
		s = short
	}
	n := len(strings.Fields(s))
	if n == 0 || n > 9 || len(s) > 90 || vague.MatchString(s) || dangling.MatchString(s) {
		return ""
	}
	return s
}

// joined keeps what "and" joins to a phrase when it is of the phrase: a few
// words that are no clause of their own.
func joined(s string) string {
	first, second, ok := strings.Cut(s, " and ")
	if !ok {
		return s
	}
	if n := len(strings.Fields(second)); n > 4 || vague.MatchString(second) || strings.Contains(second, " and ") {
		return first
	}
	return s
}

var (
	clauseEnd = regexp.MustCompile(`(?i)[,;:.!()\[\]—–…]|\s-\s|\s(?:and|but|or|so)\s(?:i|i'm|we|my|it|it's|he|she|they|that|this|you)\b|\s(?:but|because|cause|cuz|since|when|whenever|while|so|which|who|where|although|though|until|after|before|as|even|like|that|than|it's|i'm|i|we|you|aber|weil|pero|porque|mais|parce)\s`)
	// trailing is what ends a phrase and adds nothing.
	trailing = regexp.MustCompile(`(?i)\s+(?:too|also|now|right now|again|anymore|already|still|lately|these days|today|yesterday|recently|a lot|so much|very much|as well|though|btw|lol|haha|for now|at the moment|at all|in general|(?:this|last|next) (?:week|month|year|summer|winter|spring|fall|autumn|weekend))$`)
	// vague finds phrases that point at something said elsewhere.
	vague = regexp.MustCompile(`(?i)^(?:it|its|it's|this|that|these|those|them|him|her|he|she|they|you|your|yours|us|how|what|when|where|why|who|whatever|everything|anything|nothing|something|everyone|someone|both|all|one|ones|the|to|being able|having|so|such|some|more|most|seeing|hearing|talking to you|too|there|here|his|their|our|doing (?:it|that|this)|going there|making|not|es|das|dich|dir|dass|wie|eso|esto|ça|cela|te|lo)\b`)
	// dangling finds phrases that were cut in the middle.
	dangling = regexp.MustCompile(`(?i)\b(?:with|for|to|of|in|on|at|about|from|by|into|up|my|a|an|the|and|or|your)$`)
)

// clauses gives the parts of a sentence that begin with who says it.
func clauses(sentence string) iter.Seq[string] {
	return func(yield func(string) bool) {
		if !yield(sentence) || !speaksOn(sentence) {
			return
		}
		for _, at := range clauseStart.FindAllStringIndex(sentence, -1) {
			if !yield(bare(sentence[at[0]:])) {
				return
			}
		}
	}
}

// speaksOn reports whether clauseStart may find something, which takes its time:
// only where I or my comes after a space.
func speaksOn(sentence string) bool {
	for i := 1; i < len(sentence); i++ {
		switch sentence[i] {
		case 'I', 'M', 'm':
			if sentence[i-1] <= ' ' && (sentence[i] == 'I' || strings.HasPrefix(sentence[i+1:], "y")) {
				return true
			}
		}
	}
	return false
}

var clauseStart = regexp.MustCompile(`(?:[,;–—]|\s-|\sand|\sbut|\sso)\s+(?:and |but |so |plus |also )?(?:I|I'm|I’m|I've|My|my)\s`)
