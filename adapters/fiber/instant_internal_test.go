package fiberhttp

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTimeOnTheWireIsTheLayouts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMicro(rapid.Int64Range(-200_000_000_000_000_000, 400_000_000_000_000_000).Draw(t, "at"))
		got, err := instant(at).MarshalText()
		if want := at.UTC().Format(timeLayout); err != nil || string(got) != want {
			t.Fatalf("%s, %v; want %s", got, err, want)
		}
	})
}

func BenchmarkInstant(b *testing.B) {
	i, buf := instant(time.Now()), make([]byte, 0, 32)
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = i.AppendText(buf[:0])
	}
}
