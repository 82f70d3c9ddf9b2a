// Package chaos breaks deployments of Raven at random moments under load, and
// then holds what is stored against what a ledger of the clients says.
//
// The raven under test is built from its own source but for app/clock.go, whose
// place testdata/clock.go takes (an overlay of the go command's): its time is
// the machine's, moved by what a file says. The clocks of Redis, Postgres and
// Vault stay as they are: nothing moves those of one process but not of the
// whole machine.
package chaos
