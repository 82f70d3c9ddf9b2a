package outbound_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/raven-memory/raven/adapters/outbound"
	"github.com/raven-memory/raven/core"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func allowed(t *testing.T) *outbound.Client {
	t.Helper()
	return newClient(t, outbound.Options{AllowNetworks: loopback, AllowHTTP: true})
}

func TestRequestIsWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	type seen struct {
		method, path, body, user string
		header                   http.Header
	}
	got := make(chan seen, 1)
	r := newReceiver(t, true, func(w http.ResponseWriter, req *http.Request) {
		raw, _ := io.ReadAll(req.Body)
		got <- seen{req.Method, req.URL.RequestURI(), string(raw), req.UserAgent(), req.Header}
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	c := newClient(t, outbound.Options{AllowNetworks: loopback, CAFile: r.caFile(t)})
	status, retryAfter, err := c.Post(t.Context(), r.URL+"/hook?a=b", map[string]string{"webhook-id": "evt_1"}, []byte(`{"a":1}`))
	if err != nil || status != http.StatusTooManyRequests || retryAfter != 7*time.Second {
		t.Fatalf("%d, %v, %v", status, retryAfter, err)
	}
	s := <-got
	if s.method != "POST" || s.path != "/hook?a=b" || s.body != `{"a":1}` || s.header.Get("Webhook-Id") != "evt_1" ||
		s.header.Get("Content-Type") != "application/json" || s.user != "Raven-Webhooks/1" || s.header.Get("Accept-Encoding") != "" ||
		s.header.Get("Authorization") != "" || s.header.Get("Cookie") != "" {
		t.Errorf("the receiver saw %+v", s)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	other := newReceiver(t, false, ok)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, to := range []string{"http://169.254.169.254/latest/meta-data/", other.URL, "/elsewhere"} {
			r := newReceiver(t, false, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", to)
				w.WriteHeader(status)
			})
			got, _, err := post(t, allowed(t), r.URL)
			if err != nil || got != status || r.requests.Load() != 1 {
				t.Errorf("%d to %s: %d, %v, %d requests", status, to, got, err, r.requests.Load())
			}
		}
	}
	if n := other.connections.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

func TestReceiverThatNeverAnswersIsLeftInTime(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	r := newReceiver(t, false, func(_ http.ResponseWriter, req *http.Request) {
		select {
		case <-release:
		case <-req.Context().Done():
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, _, err := allowed(t).Post(ctx, r.URL, nil, nil)
	wantMessage(t, err, "did not answer in time")
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it took %v", took)
	}
}

// TestAnswerWithoutAnEndIsAnAnswer has the status count, and what follows not
// hold the sender up: bodies without an end, slow ones, packed ones.
func TestAnswerWithoutAnEndIsAnAnswer(t *testing.T) {
	t.Parallel()
	chunk := make([]byte, 32<<10)
	for name, handle := range map[string]http.HandlerFunc{
		"endless": func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		},
		"slow": func(w http.ResponseWriter, req *http.Request) {
			for req.Context().Err() == nil {
				_, _ = w.Write([]byte("."))
				_ = http.NewResponseController(w).Flush()
				select {
				case <-req.Context().Done():
				case <-time.After(50 * time.Millisecond):
				}
			}
		},
		"packed": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			for range 1000 {
				if _, err := z.Write(chunk); err != nil {
					return
				}
			}
		},
		"broken off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("x"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t, false, handle)
			began := time.Now()
			status, _, err := post(t, allowed(t), r.URL)
			if took := time.Since(began); err != nil || status != http.StatusOK || took > 15*time.Second {
				t.Errorf("%d, %v after %v", status, err, took)
			}
		})
	}
}

// TestFailuresAreToldInOurWords has no word of the receiver's, nor of a
// driver's, in what a tenant reads.
func TestFailuresAreToldInOurWords(t *testing.T) {
	t.Parallel()
	secure := newReceiver(t, true, ok)
	plain := newReceiver(t, false, ok)
	for name, c := range map[string]struct{ url, want string }{
		"refused":         {"http://" + closedPort(t), "refuses connections"},
		"no name":         {"https://hooks.example.com/", "does not resolve"},
		"untrusted":       {secure.URL, "certificate is not trusted"},
		"no TLS":          {strings.Replace(plain.URL, "http", "https", 1), "gave no whole answer"},
		"no HTTP":         {"http://" + speaker(t, "220 evil.example ESMTP\r\n"), "gave no whole answer"},
		"headers too big": {"http://" + speaker(t, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("a", 64<<10)+"\r\n\r\n"), "gave no whole answer"},
		"cut off":         {"http://" + speaker(t, ""), "gave no whole answer"},
		"user name":       {"https://evil:pass@127.0.0.1/", "gave no whole answer"},
		"no URL":          {"https://[evil/", "gave no whole answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := newClient(t, outbound.Options{AllowNetworks: loopback, AllowHTTP: true, Resolver: newNames(t, []netip.Addr{}).resolver()})
			_, _, err := post(t, client, c.url)
			wantMessage(t, err, c.want)
		})
	}
}

func wantMessage(t *testing.T, err error, want string) {
	t.Helper()
	var e *core.Error
	if !errors.As(err, &e) || e.Code != core.CodeUnavailable || !strings.Contains(e.Message, want) {
		t.Fatalf("got %v, want a message with %q", err, want)
	}
	for _, word := range []string{"evil", "tcp", "127.0.0.1", "lookup", "x509", "EOF"} {
		if strings.Contains(e.Message, word) {
			t.Errorf("the message shows %q: %s", word, e.Message)
		}
	}
}

func closedPort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// speaker says the same to every connection once it heard a line, and hangs up.
func speaker(t *testing.T, says string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = bufio.NewReader(c).ReadString('\n')
			_, _ = io.WriteString(c, says)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		<-done
	})
	return ln.Addr().String()
}

func TestFileOfAuthoritiesMustHoldOne(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{empty, empty + ".missing"} {
		if _, err := outbound.New(outbound.Options{CAFile: file}); err == nil {
			t.Errorf("%s was taken", file)
		}
	}
}

func TestRetryAfterIsSecondsOrADate(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "1": time.Second, "120": 2 * time.Minute, "-5": 0, "1.5": 0, "soon": 0,
		"9223372036854775807": 365 * 24 * time.Hour, "99999999999999999999": 0,
		"Mon, 04 May 2026 12:00:30 GMT": 30 * time.Second, "Mon, 04 May 2026 11:00:00 GMT": 0,
		"Mon, 04 May 2126 12:00:00 GMT": 365 * 24 * time.Hour,
	} {
		if got := outbound.ParseRetryAfter(value, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}
