package sqlite

import (
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"reflect"
	"time"
)

// scan puts a row's values in their places.
func scan(row []driver.Value, places []any) error {
	if len(row) != len(places) {
		return fmt.Errorf("sqlite: a row of %d for %d places", len(row), len(places))
	}
	for i, value := range row {
		if err := put(value, places[i]); err != nil {
			return fmt.Errorf("sqlite: column %d: %w", i+1, err)
		}
	}
	return nil
}

// put stores a value where place points to. A list of bytes is not copied: the
// driver has made it for the row.
func put(value, place any) error {
	switch p := place.(type) {
	case sql.Scanner:
		return p.Scan(value)
	case *[]byte:
		switch v := value.(type) {
		case []byte:
			*p = v
			return nil
		case nil:
			*p = nil
			return nil
		}
	case *int64:
		if v, ok := value.(int64); ok {
			*p = v
			return nil
		}
	case *string:
		if v, ok := value.(string); ok {
			*p = v
			return nil
		}
	case *bool:
		if v, ok := value.(int64); ok {
			*p = v != 0
			return nil
		}
	default:
		return putKind(value, reflect.ValueOf(place).Elem())
	}
	return mismatch(value, place)
}

// putKind stores a value in a type made of a basic one, or in a pointer, which is
// nil for NULL.
func putKind(value any, place reflect.Value) error {
	if place.Kind() == reflect.Pointer {
		place.SetZero()
		if value == nil {
			return nil
		}
		place.Set(reflect.New(place.Type().Elem()))
		return put(value, place.Interface())
	}
	switch v := value.(type) {
	case string:
		if place.Kind() == reflect.String {
			place.SetString(v)
			return nil
		}
	case int64:
		switch {
		case place.CanInt() && !place.OverflowInt(v):
			place.SetInt(v)
			return nil
		case place.CanUint() && v >= 0 && !place.OverflowUint(uint64(v)):
			place.SetUint(uint64(v))
			return nil
		}
	}
	return mismatch(value, place.Addr().Interface())
}

func mismatch(value, place any) error { return fmt.Errorf("a %T where a %T points to", value, place) }

// at scans a time.
type at struct{ t *time.Time }

// Scan implements sql.Scanner.
func (a at) Scan(value any) error {
	v, ok := value.(int64)
	if !ok {
		return fmt.Errorf("sqlite: a %T where a time should be", value)
	}
	*a.t = time.UnixMilli(v).UTC()
	return nil
}

// maybeAt scans a time that may be NULL.
type maybeAt struct{ t **time.Time }

// Scan implements sql.Scanner.
func (a maybeAt) Scan(value any) error {
	if value == nil {
		*a.t = nil
		return nil
	}
	var t time.Time
	*a.t = &t
	return at{&t}.Scan(value)
}

// inJSON scans and stores a value as JSON; NULL is its zero value.
type inJSON struct{ v any }

// Scan implements sql.Scanner.
func (j inJSON) Scan(value any) error {
	switch value := value.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(value), j.v)
	}
	return fmt.Errorf("sqlite: a %T where JSON should be", value)
}
