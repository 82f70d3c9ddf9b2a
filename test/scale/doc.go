// Package scale measures what deploy/SCALE.md reckons with: the bytes that each
// kind of record takes in a store, and what the work in the background asks of it
// as tenants are added. Its tests are short; RAVEN_TEST_SCALE says how far to go:
//
//	RAVEN_TEST_SCALE=1000,10000,100000 go test -count=1 -v -timeout 2h ./test/scale
package scale
