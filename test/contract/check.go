package contract

import (
	"fmt"
	"reflect"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/raven-memory/raven/core"
)

// everything is a limit above all that a subtest stores.
const everything = 100_000

func (w *World) ok(err error) {
	w.T.Helper()
	if err != nil {
		w.T.Fatalf("refused: %v", err)
	}
}

// refused fails the test unless err carries the code.
func (w *World) refused(err error, code core.Code) {
	w.T.Helper()
	if !core.Is(err, code) {
		w.T.Fatalf("got the error %v, want the code %s", err, code)
	}
}

// equal compares by content: times by instant and zone, and none of something
// is the same as an empty list of it.
func (w *World) equal(what string, got, want any) {
	w.T.Helper()
	if g, s := dump(got), dump(want); g != s {
		w.T.Fatalf("%s is not what it should be:%s", what, difference(g, s))
	}
}

// difference shows where two texts part.
func difference(got, want string) string {
	at := 0
	for at < len(got) && at < len(want) && got[at] == want[at] {
		at++
	}
	from := max(0, at-200)
	cut := func(s string) string { return s[from:min(len(s), at+300)] }
	return fmt.Sprintf("\n got …%s…\nwant …%s…", cut(got), cut(want))
}

// together runs do n times at once and returns what each gave.
func together(n int, do func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = do(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// codes counts errors by code; "" counts those that are nil.
func codes(errs []error) map[core.Code]int {
	counts := map[core.Code]int{}
	for _, err := range errs {
		counts[core.CodeOf(err)]++
	}
	return counts
}

// outcome fails the test unless there were as many of each code as wanted.
func (w *World) outcome(errs []error, want map[core.Code]int) {
	w.T.Helper()
	if got := codes(errs); !reflect.DeepEqual(got, want) {
		for _, err := range errs {
			if want[core.CodeOf(err)] == 0 {
				w.T.Logf("for one: %v", err)
			}
		}
		w.T.Fatalf("outcomes by code: got %v, want %v", got, want)
	}
}

func (w *World) allOK(errs []error) {
	w.T.Helper()
	w.outcome(errs, map[core.Code]int{"": len(errs)})
}

// dump writes a value out so that equal content gives equal text.
func dump(v any) string {
	var b strings.Builder
	write(&b, reflect.ValueOf(v))
	return b.String()
}

func write(b *strings.Builder, v reflect.Value) {
	switch v.Kind() {
	case reflect.Invalid:
		b.WriteString("nil")
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			b.WriteString("nil")
			return
		}
		if v.Kind() == reflect.Interface {
			b.WriteString(v.Elem().Type().String() + " ")
		}
		write(b, v.Elem())
	case reflect.Struct:
		writeStruct(b, v)
	case reflect.Slice, reflect.Array:
		writeList(b, v)
	case reflect.Map:
		writeMap(b, v)
	default:
		fmt.Fprintf(b, "%#v", v)
	}
}

func writeStruct(b *strings.Builder, v reflect.Value) {
	if t, ok := v.Interface().(time.Time); ok {
		b.WriteString(t.Format(time.RFC3339Nano) + " " + t.Location().String())
		return
	}
	b.WriteString("{")
	for i := range v.NumField() {
		b.WriteString(v.Type().Field(i).Name + ":")
		write(b, v.Field(i))
		b.WriteString(" ")
	}
	b.WriteString("}")
}

func writeList(b *strings.Builder, v reflect.Value) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		fmt.Fprintf(b, "%x", v.Interface())
		return
	}
	b.WriteString("[")
	for i := range v.Len() {
		write(b, v.Index(i))
		b.WriteString("\n ")
	}
	b.WriteString("]")
}

func writeMap(b *strings.Builder, v reflect.Value) {
	members := make([]string, 0, v.Len())
	for it := v.MapRange(); it.Next(); {
		var m strings.Builder
		write(&m, it.Key())
		m.WriteString(":")
		write(&m, it.Value())
		members = append(members, m.String())
	}
	sort.Strings(members)
	b.WriteString("map[" + strings.Join(members, " ") + "]")
}

// scribble overwrites everything that a returned value lets its holder
// overwrite.
func scribble(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			scribble(v.Elem())
		}
		if v.Kind() == reflect.Pointer && !v.IsNil() && v.Elem().CanSet() {
			v.Elem().SetZero()
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			scribble(v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			scribble(v.Index(i))
			v.Index(i).SetZero()
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			scribble(v.MapIndex(k))
			v.SetMapIndex(k, reflect.Value{})
		}
	default:
	}
}
