package e2e

import (
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/raven-memory/raven/test/process"
)

func TestMainJobOverHTTP(t *testing.T) {
	t.Parallel()
	mainJob(t)
}

// mainJob is the whole of what Raven is for, on a server with further settings.
func mainJob(t *testing.T, env ...string) {
	t.Helper()
	s := start(t, t.TempDir(), env...)
	c := register(t, s.URL, "main", nil)
	c.must(t, http.StatusCreated, "PUT", "/api/v1/users/ext:ada", object{"display_name": "Ada"})
	c.must(t, http.StatusOK, "PUT", "/api/v1/users/ext:ada", nil)
	started := c.must(t, http.StatusCreated, "POST", "/api/v1/users/ext:ada/conversations", object{"title": "First"})
	memory := "/api/v1/users/ext:ada/conversations/" + started.text("id") + "/memory"
	for i := range 25 {
		c.must(t, http.StatusCreated, "POST", memory, object{"interactions": []object{interaction(fmt.Sprint("The parcel ", i, " went to Porto"))}})
	}
	list := c.pages(t, memory)
	if len(list) != 25 {
		t.Fatalf("%d interactions, want 25", len(list))
	}
	for i, in := range list {
		if in["content"] != fmt.Sprint("The parcel ", i, " went to Porto") {
			t.Errorf("at %d is %v", i, in["content"])
		}
	}
	context := c.must(t, http.StatusOK, "POST", "/api/v1/users/ext:ada/context", object{"query": "Where did parcel 17 go?"})
	if !strings.Contains(context.text("context"), "The parcel 17 went to Porto") {
		t.Errorf("the context is %s", context.text("context"))
	}
	if code := s.Stop(); code != 0 {
		t.Errorf("ended with %d", code)
	}
}

func TestStopFinishesWhatItAcknowledges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, dir, "RAVEN_LIMITS_RATE_PER_MINUTE=0")
	c := register(t, s.URL, "stop", nil)
	c.must(t, http.StatusCreated, "PUT", "/api/v1/users/ext:u", nil)
	c.must(t, http.StatusCreated, "POST", "/api/v1/users/ext:u/conversations", object{"external_ref": "c"})
	const memory = "/api/v1/users/ext:u/conversations/ext:c/memory"
	var wg sync.WaitGroup
	var mu sync.Mutex
	acked := map[string]bool{}
	reached := make(chan struct{})
	for w := range 8 {
		wg.Go(func() {
			for n := 0; ; n++ {
				content := fmt.Sprintf("w%d n%d", w, n)
				a, err := c.do("POST", memory, object{"interactions": []object{interaction(content)}})
				if err != nil || a.status == http.StatusServiceUnavailable {
					return // the server has stopped taking requests
				}
				if a.status != http.StatusCreated {
					t.Errorf("%d: %s", a.status, a.raw)
					return
				}
				mu.Lock()
				if acked[content] = true; len(acked) == 100 {
					close(reached)
				}
				mu.Unlock()
			}
		})
	}
	<-reached
	if code := s.Stop(); code != 0 {
		t.Errorf("ended with %d; it said:\n%s", code, s.Log())
	}
	wg.Wait()
	c.url = start(t, dir).URL
	got := map[string]int{}
	for _, in := range c.pages(t, memory) {
		got[fmt.Sprint(in["content"])]++
	}
	for content := range acked {
		if got[content] != 1 {
			t.Errorf("%s is there %d times", content, got[content])
		}
	}
}

func TestFilesAreTheirOwnersAlone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	s := start(t, dir)
	register(t, s.URL, "modes", nil)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", d.Name(), got, want)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestServerThatIsStoppedAsItStartsEnds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 10 {
		if code := start(t, dir).Stop(); code != 0 {
			t.Fatalf("it ended with %d", code)
		}
	}
}

func TestHangUpIsIgnored(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	if err := syscall.Kill(s.Pid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	newClient(s.URL).must(t, http.StatusOK, "GET", "/healthz", nil)
	if code := s.Stop(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
}

func TestHealthyStartLogsNoError(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "RAVEN_LOG_LEVEL=error")
	waitFor(t, "both listeners", func() bool { return strings.Count(s.Log(), `"msg":"listening"`) == 2 })
	if log := s.Log(); strings.Contains(log, `"level":"ERROR"`) || strings.Count(log, `"level":"NOTICE"`) != 2 {
		t.Errorf("it logged %s", log)
	}
}

func TestSecondServerOnOneDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start(t, dir)
	if s, err := tryStart(t, dir); err == nil {
		t.Errorf("a second one listens at %s", s.URL)
	} else if !strings.Contains(err.Error(), "another raven") {
		t.Errorf("it is refused with %v", err)
	}
}

func TestWrongKeyringStopsTheStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, dir)
	register(t, s.URL, "keyring", nil)
	s.Stop()
	rings, err := filepath.Glob(filepath.Join(dir, "*keyring*"))
	if err != nil || len(rings) != 1 {
		t.Fatalf("keyrings: %v, %v", rings, err)
	}
	if _, err := tryStart(t, dir, "RAVEN_KEYS_PLATFORM_KEYRING=1:"+base64.StdEncoding.EncodeToString([]byte("another key of thirty-two bytes."))); err == nil {
		t.Error("a server starts with a keyring that is not the data's")
	}
	raw, err := os.ReadFile(rings[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(rings[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := tryStart(t, dir); err == nil {
		t.Error("a server starts with a new keyring on old data")
	} else if strings.Contains(err.Error(), strings.TrimSpace(string(raw))) {
		t.Error("the refusal shows the keyring")
	}
}

func TestServerThatOthersReachMustBeToldWhoMayRegister(t *testing.T) {
	t.Parallel()
	out, err := process.Command(binary, []string{"serve"}, t.TempDir(), "RAVEN_HTTP_ADDR=0.0.0.0:0").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "registration.mode") || !strings.Contains(string(out), "keyring") {
		t.Errorf("%v: %s", err, out)
	}
}
