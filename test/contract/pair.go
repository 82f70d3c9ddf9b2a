package contract

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/raven-memory/raven/core"
)

// pair is two stores that are given the same calls, and notes the first that
// they answered differently. It answers as the first of them. It is no store
// for several callers at once: two that race need not end the same in both.
type pair struct {
	first, second Store

	differs string // "" while they agree
}

// agree fails the test when the two have answered differently.
func (p *pair) agree(t TB) {
	t.Helper()
	if p.differs != "" {
		t.Fatalf("the stores differ: %s", p.differs)
	}
}

// twice asks both stores.
func twice[R any](p *pair, method string, ask func(Store) (R, error)) (R, error) {
	got, err := ask(p.first)
	other, otherErr := ask(p.second)
	one, two := answer(method, got, err), answer(method, other, otherErr)
	if p.differs == "" && one != two {
		p.differs = fmt.Sprintf("%s:%s\nfor %v and %v", method, difference(two, one), otherErr, err)
	}
	return got, err
}

// both is twice for a method that returns nothing but its error.
func (p *pair) both(method string, ask func(Store) error) error {
	_, err := twice(p, method, func(s Store) (any, error) { return nil, ask(s) })
	return err
}

// answer is what a store said, as text, without what is the store's own: the
// numbers of its positions, and what its port leaves open.
func answer(method string, got any, err error) string {
	switch list := got.(type) {
	case []core.BufferPlace: // come in no order
		got = sortedBy(list, func(p core.BufferPlace) string { return string(p.Conversation) })
	case []core.ExpiredPlace: // those of one moment come in no order
		got = sortedBy(list, func(p core.ExpiredPlace) string { return dump(p) })
	}
	if method == "PurgeTenants" || method == "SweepOperations" { // how much is left to tidy up
		got = nil
	}
	if method == "NextDelivery" { // one may say too early
		got = nil
	}
	return public(err) + " " + positions.ReplaceAllString(dump(got), "Position:_")
}

func sortedBy[E any](list []E, by func(E) string) []E {
	return slices.SortedFunc(slices.Values(list), func(a, b E) int { return strings.Compare(by(a), by(b)) })
}

var positions = regexp.MustCompile(`\bPosition:\d+`)

// public is all of an error that may reach who asked.
func public(err error) string {
	var e *core.Error
	if !errors.As(err, &e) {
		return string(core.CodeOf(err))
	}
	told := *e
	told.Cause = nil
	return dump(told)
}

// agreed fails the test if the world's store is two that differ.
func (w *World) agreed() {
	w.T.Helper()
	if p, ok := w.Store.(*pair); ok {
		p.agree(w.T)
	}
}

// forgive forgets how two stores differed in a run before.
func (w *World) forgive() {
	if p, ok := w.Store.(*pair); ok {
		p.differs = ""
	}
}
