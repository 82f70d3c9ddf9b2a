//go:build race

package failpoints

// share is of how many operations one is swept. The race detector makes the
// embedded store ten times as slow; the order of effects it does not change.
const share = 8
