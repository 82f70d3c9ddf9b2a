package process

import (
	"fmt"
	"os"
	"testing"
)

// Main is for the TestMain of a package whose tests run raven: it builds it with
// flags of go build, says in binary where it is, runs the tests and gives the
// code to exit with.
func Main(m *testing.M, binary *string, flags ...string) int {
	code, err := buildAndRun(m, binary, flags)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func buildAndRun(m *testing.M, binary *string, flags []string) (code int, err error) {
	dir, err := os.MkdirTemp("", "raven-tested-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // nothing would follow from it
	if *binary, err = Build(dir, flags...); err != nil {
		return 0, err
	}
	return m.Run(), nil
}
