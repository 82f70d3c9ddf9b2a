//go:build !race

package failpoints

// share is of how many operations one is swept: of one, one.
const share = 1
