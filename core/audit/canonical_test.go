package audit_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/audit"
)

func mustForm(t interface {
	Helper()
	Fatal(...any)
}, e core.Event) []byte {
	t.Helper()
	form, err := audit.Canonical(e)
	if err != nil {
		t.Fatal(err)
	}
	return form
}

func sample() core.Event {
	return core.Event{
		ID: "evt_1", Type: "user.created", At: time.Unix(1700000000, 123e6), Tenant: "ten_a", Seq: 7,
		Actor: core.Actor{Key: "key_1"}, Data: core.EventData{"b": int64(1), "a": "x"},
	}
}

// The form is what logs that exist were hashed over: it must never change.
func TestCanonicalFormStays(t *testing.T) {
	t.Parallel()
	const want = "0000000000000014" + "726176656e2f61756469742f6576656e742f7631" + // raven/audit/event/v1
		"0000000000000005" + "74656e5f61" + "0000000000000007" +
		"0000000000000005" + "6576745f31" + "000000000000000c" + "757365722e63726561746564" +
		"000000006553f100" + "000000000754d4c0" + "0000000000000005" + "6b65795f31" +
		"6d" + "0000000000000002" +
		"0000000000000001" + "61" + "73" + "0000000000000001" + "78" +
		"0000000000000001" + "62" + "69" + "0000000000000001"
	if got := hex.EncodeToString(mustForm(t, sample())); got != want {
		t.Errorf("the form is\n%s, want\n%s", got, want)
	}
}

func TestEveryFieldIsInTheForm(t *testing.T) {
	t.Parallel()
	forms := map[string]string{}
	add := func(name string, change func(*core.Event)) {
		e := sample()
		change(&e)
		form := string(mustForm(t, e))
		if other, ok := forms[form]; ok {
			t.Errorf("%s and %s have one form", name, other)
		}
		forms[form] = name
	}
	add("none", func(*core.Event) {})
	add("id", func(e *core.Event) { e.ID = "evt_2" })
	add("type", func(e *core.Event) { e.Type = "user.deleted" })
	add("second", func(e *core.Event) { e.At = e.At.Add(time.Second) })
	add("nanosecond", func(e *core.Event) { e.At = e.At.Add(1) })
	add("tenant", func(e *core.Event) { e.Tenant = "ten_b" })
	add("seq", func(e *core.Event) { e.Seq = 8 })
	add("actor", func(e *core.Event) { e.Actor = core.Actor{} })
	add("shifted", func(e *core.Event) { e.ID, e.Type = "evt_1u", "ser.created" })
	for name, data := range map[string]core.EventData{
		"nil": nil, "empty": {}, "null": {"a": nil}, "name": {"b": "x"}, "value": {"a": "y"}, "number": {"a": int64(1)},
		"text of a number": {"a": "1"}, "fraction": {"a": 1.5}, "true": {"a": true}, "false": {"a": false},
		"list": {"a": []any{}}, "longer list": {"a": []any{nil}}, "object": {"a": map[string]any{}},
		"more": {"a": "x", "b": "x"}, "list in list": {"a": []any{[]any{}, int64(1)}}, "list after list": {"a": []any{[]any{int64(1)}}},
	} {
		add(name, func(e *core.Event) { e.Data = data })
	}
}

func TestDataThatNoEventHasIsRefused(t *testing.T) {
	t.Parallel()
	deep := any("x")
	for range 20 {
		deep = []any{deep}
	}
	for _, v := range []any{deep, struct{}{}, []byte("x"), uint8(1)} {
		e := sample()
		e.Data = core.EventData{"a": v}
		if _, err := audit.Canonical(e); err == nil {
			t.Errorf("%T is taken", v)
		}
	}
}

// value draws data as events have it.
func value(depth int) *rapid.Generator[any] {
	leaves := []*rapid.Generator[any]{
		rapid.String().AsAny(), rapid.Int64().AsAny(), rapid.Bool().AsAny(), rapid.Just[any](nil),
		rapid.Float64().Filter(func(f float64) bool { return !math.IsInf(f, 0) && !math.IsNaN(f) }).AsAny(),
	}
	if depth > 0 {
		leaves = append(leaves,
			rapid.SliceOfN(value(depth-1), 0, 3).AsAny(),
			rapid.MapOfN(rapid.String(), value(depth-1), 0, 3).AsAny())
	}
	return rapid.OneOf(leaves...)
}

// stored is what a store that keeps JSON gives back.
func stored(t *rapid.T, data core.EventData) core.EventData {
	text, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var out core.EventData
	if err := d.Decode(&out); err != nil {
		t.Fatal(err)
	}
	for name, v := range out {
		out[name] = plain(v)
	}
	return out
}

func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = plain(v[name])
		}
	}
	return v
}

// A store that keeps JSON gives whole numbers back as such, and those beyond
// 2^53 as other ones; once it has, they stay.
func TestFormSurvivesAStore(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := sample()
		e.Data = stored(t, rapid.MapOfN(rapid.String(), value(3), 0, 5).Draw(t, "data"))
		form := mustForm(t, e)
		e.Data = stored(t, e.Data)
		if !bytes.Equal(form, mustForm(t, e)) {
			t.Fatalf("it changed on its way through JSON: %v", e.Data)
		}
	})
}

func TestDifferentDataHasDifferentForms(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.MapOfN(rapid.SampledFrom([]string{"", "a", "aa"}), value(2), 0, 3)
		a, b := sample(), sample()
		a.Data, b.Data = stored(t, data.Draw(t, "a")), stored(t, data.Draw(t, "b"))
		if bytes.Equal(mustForm(t, a), mustForm(t, b)) != reflect.DeepEqual(a.Data, b.Data) {
			t.Fatalf("%v and %v", a.Data, b.Data)
		}
	})
}

func FuzzCanonical(f *testing.F) {
	f.Add("ten_a", int64(1), "evt_1", "t", "key", `{"a":[1,2.5,"x",null,{"b":true}]}`)
	f.Fuzz(func(t *testing.T, tenant string, seq int64, id, kind, actor, data string) {
		formOf := func(id, kind string) []byte {
			e := core.Event{Tenant: core.TenantID(tenant), Seq: seq, ID: core.EventID(id), Type: core.EventType(kind), Actor: core.Actor{Key: core.KeyID(actor)}}
			_ = json.Unmarshal([]byte(data), &e.Data)
			form, err := audit.Canonical(e)
			if err != nil && !strings.Contains(err.Error(), "nested") {
				t.Fatal(err)
			}
			return form
		}
		if form := formOf(id, kind); form != nil && kind != "" && bytes.Equal(form, formOf(id+kind[:1], kind[1:])) {
			t.Fatal("a border between fields can be moved")
		}
	})
}
