package facts

import (
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// sieve tells clauses that a rule can't match from others, without trying: most
// of what people say matches no rule at all.
type sieve struct {
	begins  [256]bool // the first bytes of what may match
	mine    bool      // one of mineWords is in every match
	holding []string  // and one of these, if there are any
}

// beginning is the sieve of a pattern that begins at the start of the text.
func beginning(pattern string) sieve {
	re := parse(pattern)
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		panic(err)
	}
	s := sieve{holding: longest(needs(re))}
	walk(prog, uint32(prog.Start), map[uint32]bool{}, &s.begins) //nolint:gosec // an index of the program
	return s
}

// within is the sieve of a pattern that may match anywhere after one of mineWords.
func within(pattern string) sieve {
	s := sieve{mine: true, holding: longest(needs(parse(pattern)))}
	anything(&s.begins)
	return s
}

func parse(pattern string) *syntax.Regexp {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		panic(err) // the table is the package's own
	}
	return re
}

// needs gives sets of texts: what the pattern matches holds one of each set.
func needs(re *syntax.Regexp) (sets [][]string) {
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase == 0 {
			sets = [][]string{{string(re.Rune)}}
		}
	case syntax.OpCapture:
		sets = needs(re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			sets = append(sets, needs(sub)...)
		}
	case syntax.OpAlternate:
		var either []string
		for _, sub := range re.Sub {
			set := longest(needs(sub))
			if len(set) == 0 {
				return nil
			}
			either = append(either, set...)
		}
		sets = [][]string{either}
	default: // what may be missing, or may differ
	}
	return sets
}

// longest is the set whose shortest text is the longest.
func longest(sets [][]string) (best []string) {
	most := 0
	for _, set := range sets {
		shortest := len(set[0])
		for _, text := range set {
			shortest = min(shortest, len(text))
		}
		if shortest > most {
			best, most = set, shortest
		}
	}
	return best
}

// walk marks the first bytes of what the program takes from an instruction on.
func walk(p *syntax.Prog, at uint32, seen map[uint32]bool, begins *[256]bool) {
	if seen[at] {
		return
	}
	seen[at] = true
	i := &p.Inst[at]
	switch i.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		walk(p, i.Out, seen, begins)
		walk(p, i.Arg, seen, begins)
	case syntax.InstCapture, syntax.InstEmptyWidth, syntax.InstNop:
		walk(p, i.Out, seen, begins)
	case syntax.InstRune1:
		begins[string(i.Rune[0])[0]] = true
	case syntax.InstRune:
		if i.Arg != uint32(syntax.FoldCase) && i.Rune[len(i.Rune)-1] < utf8.RuneSelf { // lists of ranges of ASCII
			for n := 0; n+1 < len(i.Rune); n += 2 {
				for r := i.Rune[n]; r <= i.Rune[n+1]; r++ {
					begins[r] = true
				}
			}
			return
		}
		anything(begins)
	default:
		anything(begins)
	}
}

func anything(begins *[256]bool) {
	for b := range begins {
		begins[b] = true
	}
}

// candidates are the rules, in their order, that may match by how a clause
// begins and by whether it speaks of what is somebody's own.
func candidates(clause string) []*rule {
	switch {
	case clause == "":
		return nil
	case holdsOne(clause, mineWords):
		return withMine[clause[0]]
	default:
		return withoutMine[clause[0]]
	}
}

var withMine, withoutMine = byFirst(func(*rule) bool { return true }), byFirst(func(r *rule) bool { return !r.sieve.mine })

func byFirst(fits func(*rule) bool) (lists [256][]*rule) {
	for i := range rules {
		for b, begins := range rules[i].sieve.begins {
			if begins && fits(&rules[i]) {
				lists[b] = append(lists[b], &rules[i])
			}
		}
	}
	return lists
}

// holdsOne reports whether a clause holds one of a set, if there is any in it.
func holdsOne(clause string, set []string) bool {
	return len(set) == 0 || slices.ContainsFunc(set, func(text string) bool { return strings.Contains(clause, text) })
}
