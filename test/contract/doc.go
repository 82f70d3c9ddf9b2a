// Package contract holds one suite for each store port. A suite is its port's
// definition: what it does not test, some adapter will do differently. It uses
// nothing but the ports, opens an empty store for each subtest, and ends on a
// broken adapter too: every loop is bounded and every context has a deadline.
//
// An adapter runs all of them from its own test:
//
//	func TestContract(t *testing.T) {
//		contract.All(t, contract.Backend{Open: openStore, Break: closeStore})
//	}
package contract
