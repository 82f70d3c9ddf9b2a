package memlimit_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/memlimit"
	"github.com/raven-memory/raven/core"
)

var start = time.UnixMicro(1_700_000_000_000_000)

func take(t *testing.T, l *memlimit.Limiter, after time.Duration, key string, cost int64) bool {
	t.Helper()
	got, err := l.Take(t.Context(), start.Add(after), core.Rate{Key: key, PerMinute: 60, Burst: 10, Cost: cost})
	if err != nil {
		t.Fatal(err)
	}
	return got[0].Allowed
}

func TestBucketsAreBounded(t *testing.T) {
	t.Parallel()
	l := memlimit.New(100)
	for i := range 10_000 {
		take(t, l, time.Duration(i)*time.Microsecond, strconv.Itoa(i), 1)
		if n := l.Len(); n > 100 {
			t.Fatalf("%d buckets are kept of 100", n)
		}
	}
	if n := l.Len(); n != 100 {
		t.Fatalf("%d buckets are kept", n)
	}
}

func TestFullBucketsAreNotKept(t *testing.T) {
	t.Parallel()
	l := memlimit.New(100)
	for i := range 50 {
		take(t, l, 0, strconv.Itoa(i), 1)
	}
	take(t, l, 2*time.Second, "another", 0) // only looks, and is full
	if n := l.Len(); n != 0 {
		t.Fatalf("%d buckets are kept that are full", n)
	}
}

func TestMostIndebtedBucketsStay(t *testing.T) {
	t.Parallel()
	l := memlimit.New(3)
	for _, cost := range []int64{1, 9} {
		for _, key := range []string{"a", "b"} {
			if !take(t, l, 0, key, cost) {
				t.Fatalf("%s was refused at first", key)
			}
		}
		take(t, l, 0, "between", 2)
	}
	take(t, l, 0, "c", 9) // in the place of the one between
	if take(t, l, 0, "c", 2) {
		t.Fatal("one was let in again, because it was the last to come")
	}
	for i := range 100 {
		take(t, l, 0, strconv.Itoa(i), 1)
	}
	for _, key := range []string{"a", "b"} {
		if take(t, l, 0, key, 1) {
			t.Fatalf("%s was let in again, because many others came", key)
		}
	}
}

func TestOneBucketIsKeptAtLeast(t *testing.T) {
	t.Parallel()
	l := memlimit.New(-1)
	take(t, l, 0, "a", 10)
	if take(t, l, 0, "a", 1) {
		t.Fatal("the only bucket there is was not kept")
	}
}

func TestOddRatesNeitherPanicNorOverflow(t *testing.T) {
	t.Parallel()
	const most = 1<<63 - 1
	l := memlimit.New(10)
	for _, r := range []core.Rate{
		{Key: "a"}, {Key: "b", PerMinute: -1, Burst: -1, Cost: -1},
		{Key: "c", PerMinute: most, Burst: most, Cost: most}, {Key: "d", PerMinute: 1, Burst: most, Cost: most},
	} {
		for range 3 {
			got, err := l.Take(t.Context(), start, r)
			if err != nil || got[0].Remaining < 0 || got[0].RetryAfter < 0 || got[0].Reset < 0 {
				t.Fatalf("%+v gave %+v, %v", r, got, err)
			}
		}
	}
}

func BenchmarkTake(b *testing.B) {
	l := memlimit.New(100_000)
	rates := []core.Rate{
		{Key: "tenant", PerMinute: 6000, Burst: 6000, Cost: 1}, {Key: "address", PerMinute: 600, Burst: 600, Cost: 1},
	}
	b.ReportAllocs()
	for i := range b.N {
		if _, err := l.Take(b.Context(), start.Add(time.Duration(i)*time.Millisecond), rates...); err != nil {
			b.Fatal(err)
		}
	}
}
