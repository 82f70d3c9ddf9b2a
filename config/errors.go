package config

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with the configuration. None of its parts
// ever holds a secret.
type Problem struct {
	Key     string // or the variable's or file's name, where no key is to blame
	Source  string // where the value came from; "" where several are to blame
	Message string // what is wrong, and what is allowed
}

// Error lists all that is wrong with the configuration, sorted by key.
type Error struct {
	Problems []Problem
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the configuration is refused (%d):", len(e.Problems))
	for _, p := range e.Problems {
		b.WriteString("\n  " + p.Key)
		if p.Source != "" {
			b.WriteString(" (" + p.Source + ")")
		}
		b.WriteString(": " + p.Message)
	}
	return b.String()
}

// problems collects what is wrong.
type problems []Problem

func (l *problems) add(key, source, format string, args ...any) {
	*l = append(*l, Problem{Key: key, Source: source, Message: fmt.Sprintf(format, args...)})
}

// addCombination blames several values that do not go together, unless the key
// has a problem of its own, which would only be said twice.
func (l *problems) addCombination(key, format string, args ...any) {
	if !slices.ContainsFunc(*l, func(p Problem) bool { return p.Key == key }) {
		l.add(key, "", format, args...)
	}
}

func (l *problems) err() error {
	if len(*l) == 0 {
		return nil
	}
	slices.SortStableFunc(*l, func(a, b Problem) int { return strings.Compare(a.Key, b.Key) })
	return &Error{Problems: *l}
}

// fileError says why a file cannot be read, without its path.
func fileError(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	return fmt.Errorf("the file can't be read: %w", err)
}

// shown is a name as problems show it: what follows the first character that
// no name has is cut off. Where the space after a colon is missing, it is the
// value.
func shown(name string) string {
	end := strings.IndexFunc(name, func(r rune) bool {
		return r != '.' && r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
	const longest = 100
	if end < 0 && len(name) > longest || end > longest {
		end = longest
	}
	if end < 0 {
		return name
	}
	return name[:end] + "…"
}

// nearest is a clause that suggests the known name that name was probably
// meant to be, or "" when none is near.
func nearest(name string, known []string) string {
	best, least := "", max(2, len(name)/4)+1
	for _, k := range known {
		if d := distance(name, k, least); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// distance is the Levenshtein distance of two names, or anything not below
// limit when it is not below limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
