package audit_test

import (
	"bytes"
	"testing"

	"github.com/raven-memory/raven/core/audit"
)

func TestReceiptIsSignedByTheDeploymentsKeyForNothingElse(t *testing.T) {
	t.Parallel()
	one, err := audit.NewSigner("dep_1", bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	two, err := audit.NewSigner("dep_1", bytes.Repeat([]byte{2}, 32))
	if err != nil {
		t.Fatal(err)
	}
	receipt := []byte("ten_x was deleted")
	signature, err := one.Sign(t.Context(), receipt)
	if err != nil || !audit.VerifyReceipt(one.Key(), receipt, signature) {
		t.Fatalf("%q does not verify: %v", signature, err)
	}
	if audit.VerifyReceipt(two.Key(), receipt, signature) || audit.VerifyReceipt(one.Key(), receipt[1:], signature) || audit.VerifyReceipt(one.Key(), receipt, "x") {
		t.Error("verifies under another key, for another receipt, or as another signature")
	}
}
