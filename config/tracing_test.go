package config_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/raven-memory/raven/config"
)

func TestHeadersOfTracesAreReadByNameAndNeverShown(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load(config.LoadOptions{Env: []string{"RAVEN_TRACING_HEADERS=X-Key=kept-secret==, Other=b"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := cfg.Tracing.HeaderMap(); !maps.Equal(got, map[string]string{"X-Key": "kept-secret==", "Other": "b"}) {
		t.Errorf("%v", got)
	}
	if strings.Contains(fmt.Sprintf("%+v", cfg), "kept-secret") {
		t.Error("the header is shown")
	}
}
