package recall

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/raven-memory/raven/core"
)

// Not parallel: it measures the heap.
func TestBytesAreAboutWhatIsAllocated(t *testing.T) {
	for _, n := range []int{300, 1000, 5000, 20_000} {
		before := heap()
		x := benchIndex(n)
		took := heap() - before
		t.Logf("%d turns take %d bytes each, counted as %d", n, took/int64(n), x.bytes/int64(n))
		if took > x.bytes*5/4 || took < x.bytes/2 {
			t.Errorf("%d turns take %d bytes, counted as %d", n, took, x.bytes)
		}
		runtime.KeepAlive(x)
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestAnEmptiedIndexCountsLikeANewOne(t *testing.T) {
	t.Parallel()
	x := benchIndex(500)
	ids := make([]core.InteractionID, 0, 500)
	for i := range 500 {
		ids = append(ids, core.InteractionID(fmt.Sprintf("int_%026d", i)))
	}
	x.forget(ids)
	if fresh := newIndex(x.analyser, 1); x.bytes != fresh.bytes || x.length != 0 || len(x.terms) != 0 || len(x.conversations) != 0 {
		t.Errorf("%d bytes, length %d, %d terms, %d conversations are left", x.bytes, x.length, len(x.terms), len(x.conversations))
	}
}
