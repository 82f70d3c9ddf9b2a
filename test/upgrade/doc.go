// Package upgrade starts today's raven on data that earlier ones wrote, one
// fixture for each version of each store's schema, and checks that nothing of it
// is lost.
//
// A fixture is a folder in testdata: what the store held, as SQL or as Redis
// commands, the platform keyring, and what a client knows of it. When a schema
// gets a new version, write the fixture of it with
//
//	RAVEN_TEST_UPDATE=1 go test ./test/upgrade
//
// and leave those that are there as they are. RAVEN_TEST_BINARY=path has an
// earlier raven write it.
package upgrade
