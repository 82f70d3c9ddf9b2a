package audit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/raven-memory/raven/core"
)

// reference is the tree of golang.org/x/mod/sumdb/tlog.
type reference struct{ hashes []tlog.Hash }

func (r *reference) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var out []tlog.Hash
	for _, i := range indexes {
		out = append(out, r.hashes[i])
	}
	return out, nil
}

func (r *reference) add(t *testing.T, n int64, data []byte) {
	t.Helper()
	more, err := tlog.StoredHashes(n, data, r)
	if err != nil {
		t.Fatal(err)
	}
	r.hashes = append(r.hashes, more...)
}

func TestTreeIsThatOfRFC6962(t *testing.T) {
	t.Parallel()
	var ours tree
	ref := &reference{}
	empty, err := tlog.TreeHash(0, ref)
	if err != nil || core.AuditHash(empty) != ours.root() {
		t.Errorf("the empty tree: %v", err)
	}
	var leaves []core.AuditHash
	for n := range int64(130) {
		data := fmt.Appendf(nil, "leaf %d", n)
		if leafHash(data) != core.AuditHash(tlog.RecordHash(data)) {
			t.Fatal("the leaf hash is another")
		}
		ref.add(t, n, data)
		leaves = append(leaves, leafHash(data))
		before := ours
		root := before.root()
		ours.add(leafHash(data))
		if before.root() != root {
			t.Fatal("adding changed a copy")
		}
		want, err := tlog.TreeHash(n+1, ref)
		if err != nil || core.AuditHash(want) != ours.root() || !ours.whole() {
			t.Fatalf("the tree of %d leaves has another root (%v)", n+1, err)
		}
	}
	for _, size := range []int64{1, 2, 3, 64, 65, 130} {
		for index := range size {
			want, err := tlog.ProveRecord(size, index, ref)
			if err != nil {
				t.Fatal(err)
			}
			var got []core.AuditHash
			for i, s := range proofSpans(index, size) {
				var sub tree
				for _, l := range leaves[s.lo:s.hi] {
					sub.add(l)
				}
				got = append(got, sub.root())
				if i >= len(want) || core.AuditHash(want[i]) != got[i] {
					t.Fatalf("the proof of %d in %d differs at %d", index, size, i)
				}
			}
			root, err := tlog.TreeHash(size, ref)
			if err != nil {
				t.Fatal(err)
			}
			if r, ok := provenRoot(leaves[index], index, size, got); !ok || r != core.AuditHash(root) {
				t.Fatalf("the proof of %d in %d does not lead to the root", index, size)
			}
			if r, ok := provenRoot(leaves[(index+1)%size], index, size, got); ok && size > 1 && r == core.AuditHash(root) {
				t.Fatalf("another leaf is proven in the place of %d", index)
			}
		}
	}
}

func TestProofOfAnotherShapeIsRefused(t *testing.T) {
	t.Parallel()
	h := core.AuditHash{}
	for _, c := range []struct {
		index, size int64
		hashes      int
	}{{-1, 1, 0}, {1, 1, 0}, {0, 0, 0}, {0, 1, 1}, {0, 4, 1}, {0, 4, 3}, {0, -5, 0}} {
		if _, ok := provenRoot(h, c.index, c.size, make([]core.AuditHash, c.hashes)); ok {
			t.Errorf("%+v is taken", c)
		}
	}
}

func TestNotesAreThoseOfSumDB(t *testing.T) {
	t.Parallel()
	signer, err := NewSigner("dep_01", bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	signed := signer.sign("raven/dep_01/ten_x\n5\nroot\n")
	verifier, err := note.NewVerifier(signer.Key().String())
	if err != nil {
		t.Fatalf("sumdb does not take the key %s: %v", signer.Key(), err)
	}
	n, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil || n.Text != "raven/dep_01/ten_x\n5\nroot\n" || len(n.Sigs) != 1 {
		t.Fatalf("sumdb reads %+v, %v", n, err)
	}
	skey, vkey, err := note.GenerateKey(rand.Reader, "other.example/log")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	both, err := note.Sign(n, theirs) // adds a signature to ours
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParsePublicKey(vkey)
	if err != nil || key.String() != vkey {
		t.Fatalf("ParsePublicKey = %v, %v", key, err)
	}
	for _, k := range []PublicKey{key, signer.Key()} {
		if text, err := k.open(both); err != nil || text != n.Text {
			t.Errorf("%s opens %q, %v", k, text, err)
		}
	}
	if _, err := key.open(signed); err == nil {
		t.Error("a note opens by a key that did not sign it")
	}
}

func TestChangedNotesAreRefused(t *testing.T) {
	t.Parallel()
	signer, err := NewSigner("dep_01", bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	signed := signer.sign("origin\n5\nroot\n")
	key := signer.Key()
	for i := range signed {
		changed := bytes.Clone(signed)
		changed[i] ^= 1
		if text, err := key.open(changed); err == nil {
			t.Errorf("with byte %d changed it opens as %q", i, text)
		}
		if _, err := key.open(signed[:i]); err == nil {
			t.Errorf("its first %d bytes open", i)
		}
	}
	if _, err := key.open(append(bytes.Clone(signed), '\n')); err == nil {
		t.Error("with a line added it opens")
	}
	other := PublicKey{Name: key.Name, Key: bytes.Repeat([]byte{1}, ed25519.PublicKeySize)}
	if _, err := other.open(signed); err == nil {
		t.Error("it opens by another key of the same name")
	}
}

func TestFileOfNotesIsSplit(t *testing.T) {
	t.Parallel()
	signer, err := NewSigner("dep_01", bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	a, b := signer.sign("a\n1\nx\n"), signer.sign("b\n2\ny\n")
	for name, file := range map[string][]byte{
		"back to back":  append(bytes.Clone(a), b...),
		"apart":         bytes.Join([][]byte{a, b, nil}, []byte("\n\n")),
		"CRLF":          bytes.ReplaceAll(append(bytes.Clone(a), b...), []byte("\n"), []byte("\r\n")),
		"no last break": bytes.TrimSuffix(append(bytes.Clone(a), b...), []byte("\n")),
	} {
		notes, err := Notes(file)
		if err != nil || len(notes) != 2 || !bytes.Equal(notes[0], a) || !bytes.Equal(notes[1], b) {
			t.Errorf("%s: %q, %v", name, notes, err)
		}
	}
	for _, file := range []string{"", "\n\n", "no note", "a\n\nno signature\n", string(a) + "trailing"} {
		if notes, err := Notes([]byte(file)); err == nil {
			t.Errorf("%q is taken for %q", file, notes)
		}
	}
}

func FuzzNote(f *testing.F) {
	signer, err := NewSigner("dep_01", bytes.Repeat([]byte{7}, 32))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(signer.sign("origin\n5\nroot\n"))
	f.Add([]byte("a\n\n— b c\n"))
	key := signer.Key()
	verifier, err := note.NewVerifier(key.String())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		text, err := key.open(in)
		n, theirs := note.Open(in, note.VerifierList(verifier))
		if err == nil && (theirs != nil || n.Text != text) {
			t.Errorf("we open %q as %q, sumdb does not: %v", in, text, theirs)
		}
		_, _ = parseStatement(string(in))
		_, _ = ParsePublicKey(string(in))
		_, _ = Notes(in)
		_, _ = ParseProof(in)
	})
}
