package app

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/raven-memory/raven/config"
)

const note = "raven/dep_1/ten_1\n17\nroot\n\n— raven sig\n"

func TestCheckpointsAreCopiedToWhereTheOperatorWants(t *testing.T) {
	t.Parallel()
	var got []string
	status := http.StatusOK
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, r.Method+" "+r.URL.RequestURI()+" "+string(body))
		w.WriteHeader(status)
	}))
	t.Cleanup(receiver.Close)
	file := filepath.Join(t.TempDir(), "checkpoints")
	for url, want := range map[string]string{
		"/hook?key=secret":                       "POST /hook?key=secret " + note,
		"/bucket/{tenant_id}/{size}.note?sig=ab": "PUT /bucket/ten_1/17.note?sig=ab " + note,
	} {
		got = nil
		a := auditing{close: func() error { return nil }}
		publish, err := a.publishTo(config.Audit{CheckpointFile: file, CheckpointURL: config.Secret(receiver.URL + url)})
		if err != nil {
			t.Fatal(err)
		}
		if err := publish("ten_1", []byte(note)); err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("sent %q, %v; want %q", got, err, want)
		}
		status = http.StatusInternalServerError
		if err := publish("ten_1", []byte(note)); err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "sig=") {
			t.Errorf("refused: %v", err)
		}
		status = http.StatusOK
		if err := a.close(); err != nil {
			t.Error(err)
		}
	}
	if kept, err := os.ReadFile(file); err != nil || string(kept) != strings.Repeat(note+"\n", 4) {
		t.Errorf("the file holds %q, %v", kept, err)
	}
	if publish, err := new(auditing).publishTo(config.Audit{}); publish != nil || err != nil {
		t.Errorf("to nowhere: %v", err)
	}
}
