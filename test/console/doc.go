// Package console tests the web console as people meet it: in a real headless
// Chromium, on the real binary.
package console
