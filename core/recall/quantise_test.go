package recall

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

func randomVector(random *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(random.NormFloat64())
	}
	return v
}

func cosine(a, b []float32) float64 {
	dot, aa, bb := 0.0, 0.0, 0.0
	for i := range a {
		dot += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	return dot / math.Sqrt(aa*bb)
}

// padded gives a quantised vector as an index keeps it, and its sum.
func padded(q quantised) (v []byte, sum int64) {
	v = make([]byte, stride(len(q.values)))
	for i := range v {
		v[i] = quantumOffset
	}
	copy(v, q.values)
	for _, u := range v {
		sum += int64(u)
	}
	return v, sum
}

// TestAProductIsWhatItsNumbersGive compares the product of lanes with the plain
// sum, to the last bit, for all lengths and numbers.
func TestAProductIsWhatItsNumbersGive(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 70).Draw(t, "dimensions")
		number := rapid.Byte().Filter(func(b byte) bool { return b >= 1 && b <= 127 })
		a := quantised{rapid.SliceOfN(number, n, n).Draw(t, "a"), 1}
		b := quantised{rapid.SliceOfN(number, n, n).Draw(t, "b"), 1}
		want := 0.0
		for i := range a.values {
			want += float64(int(a.values[i])-quantumOffset) * float64(int(b.values[i])-quantumOffset)
		}
		v, sum := padded(b)
		if got := newProbe(a).product(v, sum); got != want {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}

func TestQuantisingKeepsTheDirection(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{8, 100, 384, 1024} {
		for range 50 {
			a, b := randomVector(random, n), randomVector(random, n)
			for i := range b { // some way from a
				b[i] += 2 * a[i] * float32(random.Float64())
			}
			qa, qb := quantise(a), quantise(b)
			v, sum := padded(qb)
			if got, want := newProbe(qa).product(v, sum)*float64(qb.scale), cosine(a, b); math.Abs(got-want) > 0.02 {
				t.Errorf("%d dimensions: the cosine is %v, want %v", n, got, want)
			}
		}
	}
	for _, v := range [][]float32{nil, {0, 0}} {
		if q := quantise(v); q.values != nil {
			t.Errorf("%v has the direction %v", v, q)
		}
	}
}

func BenchmarkProduct(b *testing.B) {
	const n, dimensions = 10_000, 384
	random := rand.New(rand.NewPCG(1, 2))
	p := newProbe(quantise(randomVector(random, dimensions)))
	data := make([]byte, n*dimensions)
	for i := range data {
		data[i] = byte(1 + random.IntN(127))
	}
	b.Run("lanes", func(b *testing.B) {
		b.SetBytes(n * dimensions)
		for b.Loop() {
			for at := 0; at < len(data); at += dimensions {
				p.product(data[at:at+dimensions], 0)
			}
		}
	})
	b.Run("unrolled", func(b *testing.B) { // what it is worth, against a plain loop
		b.SetBytes(n * dimensions)
		q := quantise(randomVector(random, dimensions)).values
		for b.Loop() {
			for at := 0; at < len(data); at += dimensions {
				unrolled(q, data[at:at+dimensions])
			}
		}
	})
}

func unrolled(a, b []byte) int32 {
	var s0, s1, s2, s3 int32
	b = b[:len(a)]
	for i := 0; i+3 < len(a); i += 4 {
		s0 += int32(int8(a[i])) * int32(int8(b[i]))
		s1 += int32(int8(a[i+1])) * int32(int8(b[i+1]))
		s2 += int32(int8(a[i+2])) * int32(int8(b[i+2]))
		s3 += int32(int8(a[i+3])) * int32(int8(b[i+3]))
	}
	return s0 + s1 + s2 + s3
}
