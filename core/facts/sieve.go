package facts

import (
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// sieve tells clauses that a rule can't match from others, without trying: most
// of what people say matches no rule at all.
type sieve struct {
	begins  *[256]bool // the first bytes that a match may have; nil: it may begin anywhere
	holding []string   // one of these is in every match, where it may begin anywhere
}

// beginning is the sieve of a pattern that begins at the start of the text.
func beginning(pattern string) sieve {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		panic(err) // the table is the package's own
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		panic(err)
	}
	var begins [256]bool
	walk(prog, uint32(prog.Start), map[uint32]bool{}, &begins) //nolint:gosec // an index of the program
	return sieve{begins: &begins}
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

// passes reports whether the rule may match.
func (s sieve) passes(clause string) bool {
	if s.begins != nil {
		return clause != "" && s.begins[clause[0]]
	}
	for _, part := range s.holding {
		if strings.Contains(clause, part) {
			return true
		}
	}
	return false
}
