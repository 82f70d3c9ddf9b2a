package outbound_test

import (
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/outbound"
)

// FuzzRetryAfter holds that whatever a receiver asks for is a wait between none
// and a year.
func FuzzRetryAfter(f *testing.F) {
	for _, value := range []string{"", "0", "120", "-1", "9223372036854775807", "Fri, 31 Dec 9999 23:59:59 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", "1e9", "٣"} {
		f.Add(value)
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value string) {
		if d := outbound.ParseRetryAfter(value, now); d < 0 || d > 365*24*time.Hour {
			t.Errorf("%q asks for %v", value, d)
		}
	})
}
