// Package failpoints breaks every operation of Raven at every side effect that
// it has, one at a time: the process dies before or after it, it fails before or
// after it took place, or it takes so long that a second caller comes first or
// the request's time runs out. Then it looks whether the operation was done whole
// or not at all, and whether it can be done again.
//
// A side effect is a call of a port that may change something outside of the
// process, or that leaves it. The whole application runs in the test's process,
// over a copy of a store that was filled once, with its background work standing
// still until the test does it.
//
// What moves a whole store to Redis is ended at its requests instead, as they reach
// the server.
package failpoints
