//go:build !linux

package main

// forbidCoreDumps does nothing where there is no one way to.
func forbidCoreDumps() error { return nil }
