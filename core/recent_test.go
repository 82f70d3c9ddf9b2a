package core_test

import (
	"testing"

	"github.com/raven-memory/raven/core"
)

func TestRecentKeepsWhatIsUsedAndForgetsWhatIsNot(t *testing.T) {
	t.Parallel()
	r := core.Recent[int, int]{Keep: 100}
	r.Put(-1, 7)
	r.Put(-2, 8)
	kept := 0
	for i := range 1000 {
		r.Put(i, i)
		if v, ok := r.Get(-1); !ok || v != 7 {
			t.Fatalf("what is used is %d, %t after %d others", v, ok, i)
		}
	}
	for i := range 1000 {
		if v, ok := r.Get(i); ok {
			kept++
			if v != i {
				t.Fatalf("%d is %d", i, v)
			}
		}
	}
	if _, ok := r.Get(-2); ok || kept > 100 || kept < 49 {
		t.Errorf("what is not used is there: %t; %d of the others", ok, kept)
	}
	r.Put(-1, 9)
	if v, _ := r.Get(-1); v != 9 {
		t.Errorf("what was put anew is %d", v)
	}
}
