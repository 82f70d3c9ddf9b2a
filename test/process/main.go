package process

import (
	"fmt"
	"os"
	"testing"
)

// Main is the TestMain of a package whose tests run raven: it builds it, says in
// binary where it is, runs the tests and ends the process.
func Main(m *testing.M, binary *string) {
	code, err := buildAndRun(m, binary)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M, binary *string) (code int, err error) {
	dir, err := os.MkdirTemp("", "raven-tested-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // nothing would follow from it
	if *binary, err = Build(dir); err != nil {
		return 0, err
	}
	return m.Run(), nil
}
