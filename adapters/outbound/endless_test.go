package outbound_test

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/raven-memory/raven/adapters/outbound"
)

// TestEndlessAnswerIsReadUpToABound has a receiver send for as long as anybody
// reads.
func TestEndlessAnswerIsReadUpToABound(t *testing.T) {
	t.Parallel()
	const most = 16 << 20 // what fits between the two in buffers, and much more than is read
	var sent atomic.Int64
	done := make(chan struct{})
	r := newReceiver(t, false, func(w http.ResponseWriter, _ *http.Request) {
		defer close(done)
		chunk := make([]byte, 64<<10)
		for sent.Load() < 4*most {
			n, err := w.Write(chunk)
			if err != nil {
				return
			}
			sent.Add(int64(n))
		}
	})
	c := newClient(t, outbound.Options{AllowNetworks: loopback, AllowHTTP: true})
	if status, _, err := c.Post(t.Context(), r.URL, nil, nil); err != nil || status != http.StatusOK {
		t.Fatalf("%d, %v", status, err)
	}
	<-done
	if n := sent.Load(); n > most {
		t.Errorf("%d bytes of an answer were read", n)
	}
}
