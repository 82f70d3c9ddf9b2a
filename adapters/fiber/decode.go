package fiberhttp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/raven-memory/raven/core"
)

// decode reads a request's body into a T. What is not JSON, or is JSON that
// readers would not agree on (a member twice, text that is not UTF-8, half a
// surrogate pair, a byte-order mark, something after the value), fails with
// CodeBadRequest. JSON that is not what T asks for (a field that is not known,
// missing or of another type, wrong letter case, NUL) fails with CodeValidation
// and says where. An empty body is an empty object where everything is optional.
// What decode returns does not alias body.
func decode[T any](body []byte) (T, error) {
	var out T
	want := shapeOf(reflect.TypeFor[T]())
	if len(bytes.Trim(body, " \t\r\n")) == 0 {
		if want.allOptional() {
			return out, nil
		}
		return out, core.NewError(core.CodeBadRequest, "The body is empty; this request needs a JSON object.")
	}
	if err := check(want, body); err != nil {
		return out, err
	}
	if err := json.Unmarshal(body, &out, json.RejectUnknownMembers(true)); err != nil {
		return out, unexpected(err)
	}
	return out, nil
}

// check walks the body beside its shape. The walk alone tells that a body is as it
// must be; of another, what is wrong with its syntax is told before its shape.
func check(want *shape, body []byte) error {
	c := checker{in: jsontext.NewDecoder(bytes.NewBuffer(body))}
	err := c.value(want, &spot{name: "body"})
	if err == nil && len(c.bad) == 0 && atEnd(c.in) {
		return nil
	}
	if err := checkSyntax(body); err != nil {
		return err
	}
	if err != nil {
		return unexpected(err)
	}
	return core.InvalidFields(c.bad)
}

func atEnd(in *jsontext.Decoder) bool {
	_, err := in.ReadToken()
	return errors.Is(err, io.EOF)
}

// checkSyntax reads the whole body once.
func checkSyntax(body []byte) error {
	in := jsontext.NewDecoder(bytes.NewBuffer(body))
	err := in.SkipValue()
	if err == nil {
		if _, err = in.ReadToken(); errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = &jsontext.SyntacticError{ByteOffset: in.InputOffset(), Err: errors.New("there is more after the JSON value")}
		}
	}
	return syntaxError(body, err)
}

func syntaxError(body []byte, err error) error {
	var syntax *jsontext.SyntacticError
	if !errors.As(err, &syntax) {
		return core.NewError(core.CodeBadRequest, "The body is not JSON: it ends too early.")
	}
	if syntax.Err != nil && syntax.Err.Error() == "exceeded max depth" {
		return core.Invalid("body", "nests too deep", nil)
	}
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return core.NewError(core.CodeBadRequest, "The body has the member %q twice in one object.",
			shownName(syntax.JSONPointer.LastToken()))
	}
	line, column := position(body, syntax.ByteOffset)
	why := "unexpected end"
	if syntax.Err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		why = syntax.Err.Error()
	}
	return core.NewError(core.CodeBadRequest, "The body is not valid JSON: %s, at line %d, column %d.", why, line, column)
}

// position gives line and column, in bytes, of an offset; both start at 1.
func position(body []byte, offset int64) (line, column int) {
	before := body[:min(max(int(offset), 0), len(body))]
	return bytes.Count(before, []byte("\n")) + 1, len(before) - bytes.LastIndexByte(before, '\n')
}

// unexpected is for JSON that passed the checks and still does not decode.
func unexpected(err error) error {
	e := core.Invalid("body", "is not what this request takes", nil)
	e.Cause = fmt.Errorf("decoding a checked body: %w", err)
	return e
}
