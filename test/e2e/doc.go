// Package e2e tests the built binary as its users meet it: a process with a
// data directory, spoken to over HTTP, stopped, killed and started again.
package e2e
