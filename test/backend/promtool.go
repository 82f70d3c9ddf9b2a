package backend

import (
	"os/exec"
	"testing"
)

var promtoolProgram = program{
	name:    "promtool",
	pkg:     "prometheus",
	lookup:  func() (string, error) { return exec.LookPath("promtool") },
	install: aptInstall,
}

// Promtool gives the path of Prometheus' promtool.
func Promtool(tb testing.TB) string {
	tb.Helper()
	path, source, err := promtoolProgram.find()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Logf("promtool: %s", source)
	return path
}
