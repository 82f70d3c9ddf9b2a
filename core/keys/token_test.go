package keys

import (
	"bytes"
	"crypto/rand"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/raven-memory/raven/core"
)

func mustToken(t *testing.T, env core.Environment) string {
	t.Helper()
	token, prefix, err := newToken(rand.Reader, env)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(token, prefix+"_") {
		t.Fatalf("%s does not begin with its prefix %s", token, prefix)
	}
	return token
}

func TestKeyHasThePublishedFormat(t *testing.T) {
	t.Parallel()
	format := regexp.MustCompile(`^rk_(live|test)_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}[0-9A-Za-z]{6}$`)
	for _, env := range []core.Environment{core.EnvironmentLive, core.EnvironmentTest} {
		token := mustToken(t, env)
		if !format.MatchString(token) || !strings.HasPrefix(token, "rk_"+string(env)) || !wellFormed(token) {
			t.Errorf("%s", token)
		}
	}
}

// The patterns are those that scanners publish for Stripe's keys, which begin
// alike: gitleaks' stripe-access-token, GitLab's and Stripe's own. A leaked key
// of ours must not be reported to them, nor block a commit in their name.
func TestKeyDoesNotMatchStripePatterns(t *testing.T) {
	t.Parallel()
	patterns := []*regexp.Regexp{
		regexp.MustCompile("(?i)\\b((?:sk|rk)_(?:test|live|prod)_[a-z0-9]{10,99})(?:[\\x60'\"\\s;]|\\\\[nr]|$)"),
		regexp.MustCompile(`(?i)(sk|rk)_(test|live|prod)_[0-9a-z]{10,99}`),
		regexp.MustCompile(`(?i)(sk|rk)_live_[0-9a-z]{10,128}`),
		regexp.MustCompile(`[rs]k_live_[0-9a-zA-Z]{24}`),
	}
	for _, env := range []core.Environment{core.EnvironmentLive, core.EnvironmentTest} {
		for range 200 {
			token := mustToken(t, env)
			for _, p := range patterns {
				if p.MatchString(token) {
					t.Fatalf("%s matches %s", token, p)
				}
			}
		}
	}
}

func TestKeyWithAnyCharacterChangedIsRefusedOffline(t *testing.T) {
	t.Parallel()
	token := mustToken(t, core.EnvironmentLive)
	for i := range len(token) {
		for _, c := range []byte{'0', 'z', '_', 'A', 0, 0xff} {
			if token[i] == c {
				continue
			}
			changed := token[:i] + string([]byte{c}) + token[i+1:]
			if wellFormed(changed) {
				t.Errorf("%s passes for %s", changed, token)
			}
		}
	}
	for _, bad := range []string{"", token[1:], token + "0", " " + token, strings.ToUpper(token), strings.Replace(token, "live", "test", 1)} {
		if wellFormed(bad) {
			t.Errorf("%q passes", bad)
		}
	}
}

func TestChecksumIsCRC32InBase62PaddedToSix(t *testing.T) {
	t.Parallel()
	// CRC-32 (IEEE) of "123456789" is cbf43926, the algorithm's check value:
	// 3421780262 in base62 is 3jZRyo.
	if got := checksum("123456789"); got != "3jZ"+got[3:] || decode62(got) != 0xcbf43926 {
		t.Errorf("got %s = %x", got, decode62(got))
	}
	if got := checksum(""); got != "000000" {
		t.Errorf("of nothing: %s", got)
	}
}

func decode62(s string) (n uint64) {
	for _, c := range []byte(s) {
		n = n*62 + uint64(strings.IndexByte(base62, c))
	}
	return n
}

func TestRandomCharactersAreNotBiased(t *testing.T) {
	t.Parallel()
	// Bytes from 248 up would favour the first characters; they are passed over.
	biased := bytes.Repeat([]byte{248, 250, 255, 61}, 1000)
	got, err := randomBase62(bytes.NewReader(biased), 200)
	if err != nil || strings.Trim(got, "z") != "" {
		t.Errorf("got %s, %v", got, err)
	}
	counts := map[rune]int{}
	const n = 62_000
	long, err := randomBase62(rand.Reader, n)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range long {
		counts[c]++
	}
	for c, count := range counts {
		if count < 800 || count > 1200 { // 1000 expected, standard deviation 32
			t.Errorf("%c came %d times of %d", c, count, n)
		}
	}
}

func TestFailingRandomnessMakesNoKey(t *testing.T) {
	t.Parallel()
	if token, _, err := newToken(io.LimitReader(rand.Reader, 10), core.EnvironmentLive); err == nil {
		t.Errorf("made %s", token)
	}
}

func FuzzWellFormed(f *testing.F) {
	token, _, err := newToken(rand.Reader, core.EnvironmentLive)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token)
	f.Add("rk_live_")
	f.Add(strings.Repeat("_", tokenLen))
	f.Fuzz(func(t *testing.T, s string) {
		if wellFormed(s) && checksum(s[:len(s)-checksumLen]) != s[len(s)-checksumLen:] {
			t.Errorf("%q passes with a wrong checksum", s)
		}
	})
}
