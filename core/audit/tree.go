package audit

import (
	"crypto/sha256"
	"math/bits"
	"slices"

	"github.com/raven-memory/raven/core"
)

// chainForm begins what a chain hash is over.
const chainForm = "raven/audit/chain/v1"

// leafHash is RFC 6962's hash of a leaf.
func leafHash(data []byte) core.AuditHash {
	h := sha256.New()
	h.Write([]byte{0})
	h.Write(data)
	return core.AuditHash(h.Sum(nil))
}

// nodeHash is RFC 6962's hash of two subtrees.
func nodeHash(left, right core.AuditHash) core.AuditHash {
	return sha256.Sum256(slices.Concat([]byte{1}, left[:], right[:]))
}

// chainHash binds an entry to all before it; the Chain before the first is zero.
// The leaf names tenant and number.
func chainHash(before, leaf core.AuditHash) core.AuditHash {
	return sha256.Sum256(slices.Concat([]byte(chainForm), before[:], leaf[:]))
}

// tree is an RFC 6962 tree that only grows: the roots of its complete subtrees,
// largest first, one for each bit of the number of its leaves.
type tree struct {
	size  int64
	roots []core.AuditHash
}

// whole reports whether there are as many roots as the size needs.
func (t tree) whole() bool {
	return t.size >= 0 && len(t.roots) == bits.OnesCount64(uint64(t.size))
}

// add appends a leaf. The roots are never written over: a copy of t stays.
func (t *tree) add(leaf core.AuditHash) {
	roots := slices.Clone(t.roots)
	for n := t.size; n&1 == 1; n >>= 1 {
		last := len(roots) - 1
		leaf = nodeHash(roots[last], leaf)
		roots = roots[:last]
	}
	roots = append(roots, leaf)
	t.roots = roots
	t.size++
}

// root is RFC 6962's MTH of all leaves.
func (t tree) root() core.AuditHash {
	if len(t.roots) == 0 {
		return sha256.Sum256(nil)
	}
	last := len(t.roots) - 1
	sum := t.roots[last]
	for i := last - 1; i >= 0; i-- {
		sum = nodeHash(t.roots[i], sum)
	}
	return sum
}

// span is the leaves from lo on and before hi, counted from 0.
type span struct{ lo, hi int64 }

// within is the part of the tree that lies in one of the subtrees that prove a
// leaf behind it: such a subtree never divides one of the tree's own.
func (t tree) within(s span) tree {
	var part tree
	at := int64(0)
	for i, rest := 0, t.size; rest > 0; i++ {
		leaves := int64(1) << (bits.Len64(uint64(rest)) - 1)
		if s.lo <= at && at+leaves <= s.hi {
			part.size += leaves
			part.roots = append(part.roots, t.roots[i])
		}
		at, rest = at+leaves, rest-leaves
	}
	return part
}

// proofSpans lists the subtrees whose roots prove that leaf index is one of
// size, in the order of RFC 6962's PATH.
func proofSpans(index, size int64) []span {
	var list []span
	at := span{0, size}
	for at.hi-at.lo > 1 {
		middle := at.lo + split(at.hi-at.lo)
		if index < middle {
			list = append(list, span{middle, at.hi})
			at.hi = middle
		} else {
			list = append(list, span{at.lo, middle})
			at.lo = middle
		}
	}
	slices.Reverse(list)
	return list
}

// split is the largest power of two below n, which is at least 2.
func split(n int64) int64 { return 1 << (bits.Len64(uint64(n-1)) - 1) } //nolint:gosec // n is at least 2

// provenRoot is the root that a proof leads to from a leaf; ok is false when
// the proof has not the length that it must have.
func provenRoot(leaf core.AuditHash, index, size int64, proof []core.AuditHash) (root core.AuditHash, ok bool) {
	if index < 0 || index >= size {
		return root, false
	}
	spans := proofSpans(index, size)
	if len(spans) != len(proof) {
		return root, false
	}
	root = leaf
	for i, s := range spans {
		if s.lo > index {
			root = nodeHash(root, proof[i])
		} else {
			root = nodeHash(proof[i], root)
		}
	}
	return root, true
}
