package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The log grows at each commit and is moved into the database now and then.
// The writer does it between transactions, and in a way (RESTART) that waits
// for the readers of the moment, who are brief, so that the log starts anew
// instead of growing for as long as somebody reads.

const (
	checkpointFrames   = 4000 // of 4 KiB each
	checkpointPatience = 100  // ms to wait for readers
	shredRetry         = time.Second
)

// checkpoint moves the log when it has grown enough. A failure is not the
// concern of the steps before it, which are durable, and shows in those after.
func (w *writer) checkpoint() {
	_, frames, err := w.moveLog("NOOP")
	if err != nil || frames < w.checkpointAt {
		return
	}
	w.checkpointAt = checkpointFrames
	if busy, _, err := w.moveLog("RESTART"); busy || err != nil {
		w.checkpointAt += frames
	}
}

// shredLog cuts the log to nothing, and with it the pages as they were before
// wrapped keys were overwritten. When a reader holds on to the log, or it fails,
// the writer tries again a little later.
func (w *writer) shredLog() error {
	busy, _, err := w.moveLog("TRUNCATE")
	w.shred, w.retry = busy || err != nil, nil
	if w.shred {
		w.retry = time.After(shredRetry)
	}
	return err
}

// moveLog runs a checkpoint and tells whether readers kept it from its end, and
// how many frames the log has. NOOP only tells.
func (w *writer) moveLog(mode string) (busy bool, frames int64, err error) {
	if mode != "NOOP" {
		if err := w.setPatience(checkpointPatience); err != nil {
			return false, 0, err
		}
		defer func() { err = errors.Join(err, w.setPatience(busyTimeout)) }()
	}
	var moved int64
	err = w.session().get("PRAGMA wal_checkpoint("+mode+")", nil, &busy, &frames, &moved)
	return busy, frames, err
}

// setPatience is not a prepared statement: SQLite runs this pragma when it
// compiles it.
func (w *writer) setPatience(ms int) error {
	return w.conn.script(context.Background(), fmt.Sprintf("PRAGMA busy_timeout = %d", ms))
}
