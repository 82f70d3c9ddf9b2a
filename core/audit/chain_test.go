package audit

import (
	"crypto/sha256"
	"slices"
	"testing"

	"github.com/raven-memory/raven/core"
)

// The chain is what logs that exist hold: it must never change.
func TestChainBindsAnEntryToAllBeforeIt(t *testing.T) {
	t.Parallel()
	before, leaf := core.AuditHash{1}, core.AuditHash{2}
	want := sha256.Sum256(slices.Concat([]byte("raven/audit/chain/v1"), before[:], leaf[:]))
	if got := chainHash(before, leaf); got != want {
		t.Errorf("the chain is %x, want %x", got, want)
	}
	if chainHash(core.AuditHash{}, leaf) == want || chainHash(before, core.AuditHash{}) == want {
		t.Error("the chain leaves out what is before, or the leaf")
	}
}
