package openai

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/raven-memory/raven/core"
)

var (
	errTooLong = errors.New("openai: the answer is longer than it may be")
	// errGivenUp marks failures of requests whose caller did not wait for them.
	errGivenUp = errors.New("openai: the caller gave up")
)

// statusError is an answer that is not 200. Its body is not kept: servers quote
// in it what they were asked.
type statusError struct {
	status int
	after  time.Duration // what Retry-After asks for; 0 for none
	long   bool          // it was asked for vectors of much text
}

// pathEmbeddings is where vectors are asked for.
const pathEmbeddings = "/embeddings"

// longBody is the least bytes of a request for vectors that may be what a server
// fails of: llama.cpp answers 500 to more tokens than it takes (some 512 by
// default), and to a text that is short it would not.
const longBody = 1500

func (e *statusError) Error() string {
	return fmt.Sprintf("openai: the server answered %d %s", e.status, http.StatusText(e.status))
}

// malformedError is an answer that is not what was asked for.
type malformedError struct{ cause error }

func (e *malformedError) Error() string {
	return "openai: the answer is not what was asked for: " + e.cause.Error()
}
func (e *malformedError) Unwrap() error { return e.cause }

// refused reports whether the server works and refuses what it was asked.
func refused(err error) bool {
	var said *statusError
	if !errors.As(err, &said) {
		return false
	}
	switch said.status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return true
	case http.StatusInternalServerError:
		return said.long
	}
	return false
}

// passing reports whether another try may go better.
func passing(err error) bool {
	var said *statusError
	var malformed *malformedError
	switch {
	case errors.Is(err, errGivenUp), errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests):
		return false
	case errors.As(err, &malformed), errors.Is(err, errTooLong), refused(err):
		return false
	case errors.As(err, &said):
		return said.status == http.StatusRequestTimeout || said.status == http.StatusTooManyRequests || said.status >= 500
	}
	return true
}

// translate is the only place where failures get a code.
func translate(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case refused(err):
		return &core.Error{Code: core.CodeBadRequest, Message: "The model's server refuses this.", Cause: err}
	}
	return core.Unavailable(err)
}

// retryAfter reads seconds or a date; what is neither, or past, is 0.
func retryAfter(value string, now time.Time) time.Duration {
	const most = 365 * 24 * 3600
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), most)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), most*time.Second)
	}
	return 0
}
