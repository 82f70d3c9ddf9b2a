package mcp

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

// FuzzReadLines holds that each message of an input comes once, in order, without
// the white space around it.
func FuzzReadLines(f *testing.F) {
	for _, text := range []string{"{}\n{}", "\r\n\n a \r\n", "\x00\n\xff", strings.Repeat("x", 70_000) + "\ny"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		lines := make(chan []byte, bytes.Count(in, []byte("\n"))+1)
		if err := readLines(context.Background(), bytes.NewReader(in), lines); err != nil {
			return // a line that is too long
		}
		close(lines)
		rest := in
		for line := range lines {
			at := bytes.Index(rest, line)
			if len(line) == 0 || at < 0 || len(bytes.TrimSpace(line)) != len(line) {
				t.Fatalf("%q gives %q", in, line)
			}
			rest = rest[at+len(line):]
		}
	})
}
