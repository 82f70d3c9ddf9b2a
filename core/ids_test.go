package core_test

import (
	"bytes"
	"crypto/rand"
	"sync"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
)

func fixedClock(ms int64) func() time.Time { return func() time.Time { return time.UnixMilli(ms) } }

func TestIDsHaveTheirKindsShape(t *testing.T) {
	t.Parallel()
	ids := core.NewIDs(time.Now, rand.Reader)
	for range 1000 {
		if id := ids.Tenant(); !id.Valid() {
			t.Fatalf("%q is not valid", id)
		}
		if id := ids.Interaction(); !id.Valid() {
			t.Fatalf("%q is not valid", id)
		}
	}
	if user := ids.User(); core.TenantID(user).Valid() {
		t.Error("a user's id passes for a tenant's")
	}
}

func TestULIDIsTheSpecificationsOwnExample(t *testing.T) {
	t.Parallel()
	// The specification's example time 01ARZ3NDEK is 1469922850259 ms.
	ids := core.NewIDs(fixedClock(1469922850259), bytes.NewReader(make([]byte, 10)))
	if got, want := string(ids.User()), "usr_01arz3ndek0000000000000000"; got[:14] != want[:14] {
		t.Errorf("got %s, want the time of %s", got, want)
	}
}

func TestIDsIncreaseWithinAMillisecondAndWhenTheClockStepsBack(t *testing.T) {
	t.Parallel()
	now := int64(2_000_000_000_000)
	ids := core.NewIDs(func() time.Time { return time.UnixMilli(now) }, rand.Reader)
	last := ids.Event()
	for i := range 10_000 {
		if i == 5000 {
			now -= 60_000
		}
		id := ids.Event()
		if id <= last || !id.Valid() {
			t.Fatalf("%s does not come after %s", id, last)
		}
		last = id
	}
}

func TestIDsOfManyGoroutinesNeverMeet(t *testing.T) {
	t.Parallel()
	ids := core.NewIDs(fixedClock(1), rand.Reader)
	var mu sync.Mutex
	var wg sync.WaitGroup
	seen := map[core.BlobID]bool{}
	for range 8 {
		wg.Go(func() {
			for range 500 {
				id := ids.Blob()
				mu.Lock()
				if seen[id] {
					t.Errorf("%s came twice", id)
				}
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

func TestIDsThatCouldLeaveTheirPlaceAreNotValid(t *testing.T) {
	t.Parallel()
	good := "usr_01arz3ndek0000000000000000"
	if !core.UserID(good).Valid() {
		t.Fatalf("%s is not valid", good)
	}
	for _, bad := range []string{
		"", "usr_", good[:29], good + "0", "USR_01arz3ndek0000000000000000", "usr_01ARZ3NDEK0000000000000000",
		"cnv_01arz3ndek0000000000000000", "usr_01arz3ndek000000000000000:", "usr_{1arz3ndek000000000000000",
		"usr_../arz3ndek000000000000000", "usr_01arz3ndek00000000000000\x000", "usr_81arz3ndek0000000000000000",
		"usr_01arz3ndek00000000000000il", " " + good,
	} {
		if core.UserID(bad).Valid() {
			t.Errorf("%q is valid", bad)
		}
	}
}
