package monitoring

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/raven-memory/raven/test/process"
)

var binary string

func TestMain(m *testing.M) { os.Exit(process.Main(m, &binary)) }

// server is a running Raven with its operator's listener.
type server struct {
	t          *testing.T
	api, admin string
}

func start(t *testing.T, env ...string) server {
	t.Helper()
	s, err := process.Start(binary, t.TempDir(), append(env, "RAVEN_LIMITS_UNAUTHENTICATED_PER_MINUTE=0", "RAVEN_MEMORY_SWEEP_EVERY=1s")...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		for line := range strings.Lines(s.Log()) {
			var l struct{ Msg, Listener, Addr string }
			if json.Unmarshal([]byte(line), &l) == nil && l.Msg == "listening" && l.Listener == "admin" {
				return server{t: t, api: s.URL + "/api/v1", admin: "http://" + l.Addr}
			}
		}
	}
	t.Fatalf("no admin listener in %s", s.Log())
	return server{}
}

// call sends a request and gives the body of the answer, whatever its status.
func (s server) call(method, path, key string, body any) []byte {
	s.t.Helper()
	said, err := process.Call(s.t.Context(), http.DefaultClient, method, s.api+path, key, body)
	if err != nil {
		s.t.Fatal(err)
	}
	return said.Body
}

func (s server) register(name string, settings map[string]any) (key string) {
	s.t.Helper()
	var made struct {
		APIKey struct{ Key string } `json:"api_key"`
	}
	answer := s.call("POST", "/tenants", "", map[string]any{"name": name, "email": name + "@example.com", "settings": settings})
	if err := json.Unmarshal(answer, &made); err != nil || made.APIKey.Key == "" {
		s.t.Fatalf("%s, %v", answer, err)
	}
	return made.APIKey.Key
}

// useAll makes a bit of every kind of request, also such as fail.
func (s server) useAll(name string) {
	s.t.Helper()
	key := s.register(name, map[string]any{})
	s.call("PUT", "/users/ext:"+name, key, nil)
	s.call("POST", "/users/ext:"+name+"/conversations", key, map[string]any{"external_ref": name})
	s.call("POST", "/users/ext:"+name+"/conversations/ext:"+name+"/memory", key,
		map[string]any{"interactions": []any{map[string]any{"role": "user", "content": "I live in Lisbon, says " + name}}})
	for range 2 {
		s.call("POST", "/users/ext:"+name+"/context", key, map[string]any{"query": "where does " + name + " live?"})
	}
	s.call("GET", "/users/ext:nobody-"+name, key, nil)
	s.call("GET", "/"+name+"/"+name+"?"+name+"="+name, key, nil)
	s.call("GET", "/users", "rk_live_"+name, nil)
	s.call("METHOD"+strings.ToUpper(strings.ReplaceAll(name, "-", "")), "/users", key, nil)
}

func (s server) scrape() []byte {
	s.t.Helper()
	res, err := http.Get(s.admin + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		s.t.Fatalf("%d, %v", res.StatusCode, err)
	}
	return text
}

// families are the metrics of the moment.
func (s server) families() map[string]*dto.MetricFamily {
	s.t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	found, err := parser.TextToMetricFamilies(bytes.NewReader(s.scrape()))
	if err != nil {
		s.t.Fatal(err)
	}
	return found
}
