package redis

import (
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// FuzzReplies holds that nothing a Redis could hold or answer makes reading it
// panic: it is read, or a fault.
func FuzzReplies(f *testing.F) {
	for _, text := range []string{
		`{"provider":"local","wrapped":"UlYB","created_at":1}`, `{"hash":"00","scopes":"3","position":"1"}`, `{"todo":null}`,
		`{"kind":"episodic","numbers":[1],"interactions":["int_1"]}`, "index/cnv_1/1/2/3", "cnv_1/1/2,cnv_2/3/4", "usr_1/cnv_1/blob_1",
		"quota,users,1", "18446744073709551616-0", `{"status":"pending","attempts":[{"at":1}]}`, "",
	} {
		f.Add(text, text)
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		_, _ = decodeDataKey(one, two)
		_, _ = decodeKey("ten_1", "key_1", one)
		_, _ = decodeRegistration(one)
		_, _ = deliveryOf("dlv_1", one, two, 1, 1)
		if _, err := decodeData(one, core.EventData{"n": int64(1)}); err != nil && !strings.Contains(err.Error(), "redis") {
			t.Errorf("%q: %v", one, err)
		}
		header := goredis.NewSliceCmd(t.Context())
		header.SetVal([]any{"cnv_1", "1", one, two, two, two, one})
		_, _, _ = blobOf("usr_1", "blob_1", "1", header, true)
		_, _ = partsOf(one), placeOf(one)
		_, _, _ = listedPosition(one), streamNumber(one), pairs(strings.Split(one, ","))
		answer := goredis.NewCmd(t.Context())
		answer.SetVal([]any{one, two})
		if rest, _, err := decode(answer); err == nil && len(rest) != 1 {
			t.Errorf("%q, %q: %q", one, two, rest)
		}
	})
}

// FuzzEscape holds that different texts stay different in a key, and that none
// gets out of its place there.
func FuzzEscape(f *testing.F) {
	f.Add("ada@example.com", "a{b}")
	f.Add("%7B", "{")
	f.Add(strings.Repeat("x", longest+1), "%sha256:")
	f.Fuzz(func(t *testing.T, a, b string) {
		one, two := escape(a), escape(b)
		if a != b && one == two {
			t.Errorf("%q and %q are both %q", a, b, one)
		}
		if strings.ContainsAny(one, "{} \n\x00") || len(one) > longest+len("%sha256:")+64 {
			t.Errorf("%q is %q", a, one)
		}
	})
}
