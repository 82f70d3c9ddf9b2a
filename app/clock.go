package app

import "time"

// clock tells the machine's time, in UTC, in the milliseconds that stores keep.
type clock struct{}

// Now implements ports.Clock.
func (clock) Now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
