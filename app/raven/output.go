package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// The formats of --output.
const (
	outputText = "text"
	outputJSON = "json"
)

// output prints a command's result, for people or for programs.
type output struct {
	to   io.Writer
	json bool
}

func (o *output) print(result any, text string, args ...any) error {
	if o.json {
		e := json.NewEncoder(o.to)
		e.SetIndent("", "  ")
		return e.Encode(result)
	}
	_, err := fmt.Fprintf(o.to, text, args...)
	return err
}

// progress shows how far something is, on one line, if to is a terminal.
func progress(to *os.File, doing string) func(done, total int) {
	info, err := to.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return func(int, int) {}
	}
	last := -1
	return func(done, total int) {
		percent := done * 100 / max(total, 1)
		if percent != last {
			last = percent
			fmt.Fprintf(to, "\r%s: %d of %d", doing, done, total)
		}
		if done == total {
			fmt.Fprintln(to)
		}
	}
}
