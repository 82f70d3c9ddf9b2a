package localkeys_test

import (
	"bytes"
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/raven-memory/raven/adapters/localkeys"
)

func encoded(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func TestKeyringIsRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]uint32{
		"1:" + knownMaster:                                    {1},
		" 1:" + knownMaster + " \r\n":                         {1},
		"2:" + knownMaster + ",1:" + otherMaster:              {1, 2},
		"1:" + knownMaster + ",\n4294967295:" + otherMaster:   {1, 4294967295},
		"7:" + encoded(append([]byte("longer"), random()...)): {7},
	} {
		k, err := localkeys.Parse(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := slices.Sorted(maps.Keys(k.Checks())); !slices.Equal(got, want) {
			t.Errorf("%q: versions %v", text, got)
		}
	}
}

// random is 32 bytes that follow no pattern.
func random() []byte {
	b, _ := base64.StdEncoding.DecodeString(otherMaster)
	return b
}

func TestBadKeyringIsRefusedAndNotRepeated(t *testing.T) {
	t.Parallel()
	step := make([]byte, 32)
	down := make([]byte, 40)
	for i := range step {
		step[i] = byte(i)
	}
	for i := range down {
		down[i] = byte(7 - 3*i)
	}
	good := "1:" + knownMaster
	for _, c := range []struct{ name, text, says string }{
		{"nothing", "", "is empty"},
		{"white space", " \n\t", "is empty"},
		{"no version", knownMaster, "entry 1 does not start with a version"},
		{"version 0", "0:" + knownMaster, "entry 1 does not start with a version"},
		{"negative version", "-1:" + knownMaster, "does not start with a version"},
		{"version with a sign", "+1:" + knownMaster, "does not start with a version"},
		{"version too great", "4294967296:" + knownMaster, "does not start with a version"},
		{"key and version swapped", knownMaster + ":1", "does not start with a version"},
		{"comma at the end", good + ",", "entry 2 does not start with a version"},
		{"comma at the start", "," + good, "entry 1 does not start with a version"},
		{"no key", "1:", "(version 1) is shorter than 32 bytes"},
		{"not base64", "1:!!!!" + knownMaster, "(version 1) is not standard base64"},
		{"no padding", "1:" + strings.TrimRight(knownMaster, "="), "is not standard base64"},
		{"URL base64", "1:" + strings.ReplaceAll(knownMaster, "+", "-"), "is not standard base64"},
		{"stray bits", "1:" + knownMaster[:42] + "J=", "is not standard base64"},
		{"31 bytes", "1:" + encoded(random()[:31]), "is shorter than 32 bytes"},
		{"too long", "1:" + encoded(bytes.Repeat(random(), 33)), "is longer than 1024 bytes"},
		{"zeros", "1:" + encoded(make([]byte, 32)), "follows a pattern"},
		{"one byte", "1:" + encoded(bytes.Repeat([]byte{0xa5}, 64)), "follows a pattern"},
		{"two bytes", "1:" + encoded(bytes.Repeat([]byte{1, 2}, 16)), "follows a pattern"},
		{"a piece twice", "1:" + encoded([]byte("0123456789abcdef0123456789abcdef")), "follows a pattern"},
		{"a piece and a half over", "1:" + encoded([]byte("changemechangemechangemechangemec")), "follows a pattern"},
		{"counting up", "1:" + encoded(step), "follows a pattern"},
		{"counting down", "1:" + encoded(down), "follows a pattern"},
		{"the sample", localkeys.SampleKeyring, "is the sample"},
		{"the sample behind", good + ",2:" + strings.TrimPrefix(localkeys.SampleKeyring, "1:"), "entry 2 (version 2) is the sample"},
		{"version twice", good + ",1:" + otherMaster, "entry 2 has version 1, which is there already"},
		{"version twice, written apart", good + ",01:" + otherMaster, "has version 1, which is there already"},
		{"key twice", good + ",2:" + knownMaster, "(version 2) is the same key as version 1"},
	} {
		k, err := localkeys.Parse(c.text)
		if err == nil || k != nil {
			t.Errorf("%s: accepted", c.name)
			continue
		}
		if !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %q, want %q", c.name, err, c.says)
		}
		mustNotRepeat(t, err.Error(), c.text)
	}
}

// mustNotRepeat fails when the message has eight characters in a row of what
// was after a colon or is no version.
func mustNotRepeat(t *testing.T, message, text string) {
	t.Helper()
	for i := 0; i+8 <= len(text); i++ {
		piece := text[i : i+8]
		if strings.Trim(piece, "0123456789") != "" && strings.Contains(message, piece) {
			t.Errorf("%q repeats %q", message, piece)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "1:" + knownMaster, "2:" + knownMaster + ",1:" + otherMaster, knownMaster, "0:" + knownMaster,
		"1:" + knownMaster + ",1:" + knownMaster, "1:AAAA", ",", ":", "1:,", localkeys.SampleKeyring,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := localkeys.Parse(text)
		if (k == nil) == (err == nil) {
			t.Fatalf("%v, %v", k, err)
		}
		if err != nil {
			return
		}
		if _, ok := k.Checks()[0]; ok || len(k.Checks()) != strings.Count(text, ",")+1 {
			t.Errorf("versions %v", slices.Sorted(maps.Keys(k.Checks())))
		}
		plain, wrapped, err := k.NewDataKey(t.Context(), ada, 1)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := k.Unwrap(t.Context(), ada, 1, wrapped); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("its own key does not unwrap: %v", err)
		}
	})
}
