package audit

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
)

// receiptDomain keeps a receipt's signature from passing for another's.
const receiptDomain = "raven/receipt/v1\n"

// Sign signs a receipt with the key that signs checkpoints. It gives the Ed25519
// signature over "raven/receipt/v1", a line break and the receipt, in standard
// base64. It never fails.
func (s *Signer) Sign(_ context.Context, receipt []byte) (string, error) {
	return base64.StdEncoding.EncodeToString(ed25519.Sign(s.key, append([]byte(receiptDomain), receipt...))), nil
}

// VerifyReceipt reports whether the key signed the receipt.
func VerifyReceipt(key PublicKey, receipt []byte, signature string) bool {
	sig, err := base64.StdEncoding.Strict().DecodeString(signature)
	return err == nil && ed25519.Verify(key.Key, append([]byte(receiptDomain), receipt...), sig)
}
