package vault

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/raven-memory/raven/core"
)

// answer is Vault's answer to what it did not do.
type answer struct {
	status int
	says   string // the beginning of it
}

func (a *answer) Error() string { return fmt.Sprintf("vault answered %d: %s", a.status, a.says) }

// newAnswer takes from the library's error what Vault said, and not the path
// that it was asked.
func newAnswer(status int, err error) *answer {
	a := &answer{status: status, says: http.StatusText(status)}
	var said *api.ResponseError
	if errors.As(err, &said) && len(said.Errors) > 0 {
		a.says = strings.Join(strings.Fields(strings.Join(said.Errors, "; ")), " ")
	}
	a.says = a.says[:min(len(a.says), 200)]
	return a
}

// answered reports whether Vault answered with the status.
func answered(err error, status int) bool {
	var login *loginError
	var a *answer
	return !errors.As(err, &login) && errors.As(err, &a) && a.status == status
}

// isMissing reports whether Vault says that there is no key of that name.
func isMissing(err error) bool {
	var a *answer
	return answered(err, http.StatusBadRequest) && errors.As(err, &a) && strings.Contains(a.says, "key not found")
}

// loginError says that there is no way in, whatever the reason.
type loginError struct{ cause error }

func (e *loginError) Error() string { return "log in to vault: " + e.cause.Error() }
func (e *loginError) Unwrap() error { return e.cause }

// refused reports whether Vault, asked by somebody it knows, refuses the key:
// it is missing, disabled, destroyed, forbidden, or not what wrapped. Every
// other answer may be another in a moment.
func refused(err error) bool {
	var login *loginError
	var a *answer
	if errors.As(err, &login) || !errors.As(err, &a) || a.status < 400 || a.status > 499 {
		return false
	}
	switch a.status {
	case http.StatusRequestTimeout, http.StatusPreconditionFailed, http.StatusTooEarly, http.StatusTooManyRequests,
		472, 473: // a standby's health
		return false
	}
	return true
}

// outcomeOf is what the end of a request says about Vault. Too many requests
// are a tenant's doing, perhaps, which the others are not to feel.
func outcomeOf(ctx context.Context, err error) outcome {
	var a *answer
	switch {
	case err == nil, refused(err):
		return works
	case ctx.Err() != nil, errors.As(err, &a) && a.status < 500:
		return unknown
	default:
		return fails
	}
}

// translate is the only place where failures get a code.
func translate(ctx context.Context, err error) error {
	var known *core.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case refused(err):
		return unavailable(err)
	default:
		return unreachable(err)
	}
}

// unavailable is the one answer to whatever does not unwrap.
func unavailable(cause error) error {
	return &core.Error{
		Code:    core.CodeKeyUnavailable,
		Message: "The key that protects this data is not available.",
		Cause:   cause,
	}
}

// unreachable says that it is worth another try, not all at the same time.
func unreachable(cause error) error {
	return &core.Error{
		Code:       core.CodeKeyManagement,
		Message:    "The service that holds the key of this data can't be reached; try again.",
		RetryAfter: time.Second + rand.N(2*time.Second), //nolint:gosec // only to come at different times
		Cause:      cause,
	}
}
