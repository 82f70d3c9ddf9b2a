package recall

import (
	"bytes"
	"math"
	"testing"

	"github.com/raven-memory/raven/core"
)

// FuzzDecodeVectors holds that what decodes is what was encoded, and that no
// bytes make decoding panic, or give vectors of other dimensions than they say.
func FuzzDecodeVectors(f *testing.F) {
	model := core.EmbeddingModel{Name: "one", Dimensions: 3}
	f.Add(encodeVectors(model, []embedded{{number: 1, vector: quantise([]float32{1, -2, 3})}, {number: 7}}))
	f.Add([]byte{vectorsFormat, 1, 'm', 0xff, 0xff, 0xff, 0x7f, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		model, list, ok := decodeVectors(data)
		if !ok {
			return
		}
		for _, e := range list {
			if n := len(e.vector.values); n != model.Dimensions && e.vector.scale != 0 {
				t.Errorf("a vector of %d dimensions, of a model of %d", n, model.Dimensions)
			}
		}
		again := encodeVectors(model, list)
		if back, same, ok := decodeVectors(again); !ok || back != model || len(same) != len(list) || !bytes.Equal(encodeVectors(back, same), again) {
			t.Errorf("%d vectors become %d, %v", len(list), len(same), ok)
		}
	})
}

// FuzzQuantise holds that a vector's numbers are kept within half a step, and that
// products of any two are finite.
func FuzzQuantise(f *testing.F) {
	f.Add(float32(1), float32(-2), float32(0.5), float32(0))
	f.Add(float32(math.MaxFloat32), float32(1), float32(math.SmallestNonzeroFloat32), float32(-1))
	f.Fuzz(func(t *testing.T, a, b, c, d float32) {
		v := []float32{a, b, c, d}
		length := 0.0
		for _, x := range v {
			if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
				return // an embedder's answer with those is refused
			}
			length += float64(x) * float64(x)
		}
		q := quantise(v)
		if q.scale == 0 {
			return
		}
		for i, x := range v {
			got := (float64(q.values[i]) - quantumOffset) * float64(q.scale)
			if want := float64(x) / math.Sqrt(length); math.Abs(got-want) > float64(q.scale)*0.51+1e-6 {
				t.Errorf("%v: number %d is %v, want %v", v, i, got, want)
			}
		}
		if p := newProbe(q); math.IsNaN(p.scale) || math.IsInf(p.scale, 0) {
			t.Errorf("%v: the scale is %v", v, p.scale)
		}
	})
}

// FuzzDates holds that no question names a date that there is not, and that what
// it may mean ends after it begins.
func FuzzDates(f *testing.F) {
	for _, text := range []string{"What happened in May 2023?", "on 31 February", "2024-05-01", "le 3 août", "the 1st of december 99999"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		dates := findDates(words(text))
		for _, d := range dates {
			if d.month < 0 || d.month > 12 || d.day < 0 || d.day > 31 || d.year < 0 || d.year > 9999 {
				t.Errorf("%q names %+v", text, d)
			}
		}
		for _, i := range intervals(dates, 0, 1e12) {
			if i.from >= i.until {
				t.Errorf("%q: %+v", text, i)
			}
		}
	})
}
