package main

import (
	"os"
	"runtime/debug"
)

// The garbage collector, unless the environment says otherwise: it lets the heap
// grow to four times what is alive, which is little in most processes, but the whole
// process, softly, to no more than what full indexes take with the runtime's usual
// doubling.
const (
	collectAtPercent = 300
	besidesIndexes   = 64 << 20
)

// tuneCollector sets that for this process. GOGC and GOMEMLIMIT stay as they are
// where they are set.
func tuneCollector(maxIndexBytes int64) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAtPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(maxIndexBytes/10*18 + besidesIndexes)
	}
}
