package fiberhttp

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/raven-memory/raven/core"
)

// codeRequestTimeout is for requests that do not arrive in time. It is the
// protocol's, not the core's.
const codeRequestTimeout core.Code = "request_timeout"

// statuses is the one place where the error vocabulary meets HTTP.
var statuses = map[core.Code]int{
	core.CodeBadRequest:           http.StatusBadRequest,
	core.CodeInvalidCursor:        http.StatusBadRequest,
	core.CodeUnauthenticated:      http.StatusUnauthorized,
	core.CodeInsufficientScope:    http.StatusForbidden,
	core.CodeQuotaExhausted:       http.StatusForbidden,
	core.CodeRegistrationClosed:   http.StatusForbidden,
	core.CodeTenantSuspended:      http.StatusForbidden,
	core.CodeNotFound:             http.StatusNotFound,
	core.CodeMethodNotAllowed:     http.StatusMethodNotAllowed,
	codeRequestTimeout:            http.StatusRequestTimeout,
	core.CodeEmailTaken:           http.StatusConflict,
	core.CodeExternalRefTaken:     http.StatusConflict,
	core.CodeLastAdminKey:         http.StatusConflict,
	core.CodeConversationClosed:   http.StatusConflict,
	core.CodeVersionConflict:      http.StatusConflict,
	core.CodeIdempotencyRunning:   http.StatusConflict,
	core.CodePreconditionFailed:   http.StatusPreconditionFailed,
	core.CodePayloadTooLarge:      http.StatusRequestEntityTooLarge,
	core.CodeURITooLong:           http.StatusRequestURITooLong,
	core.CodeUnsupportedMediaType: http.StatusUnsupportedMediaType,
	core.CodeValidation:           http.StatusUnprocessableEntity,
	core.CodeIdempotencyReused:    http.StatusUnprocessableEntity,
	core.CodeKeyUnavailable:       http.StatusLocked,
	core.CodeRateLimited:          http.StatusTooManyRequests,
	core.CodeHeadersTooLarge:      http.StatusRequestHeaderFieldsTooLarge,
	core.CodeInternal:             http.StatusInternalServerError,
	core.CodeUnavailable:          http.StatusServiceUnavailable,
	core.CodeKeyManagement:        http.StatusServiceUnavailable,
}

const (
	problemTypes = "https://raven.dev/problems/"
	mimeProblem  = "application/problem+json"
	mimeJSON     = "application/json"
)

// problem is the body of every refusal: RFC 9457 with members of our own.
type problem struct {
	Type       string         `json:"type" doc:"What kind of failure it is, as a URI: the code below a fixed address."`
	Title      string         `json:"title" doc:"The status in words."`
	Status     int            `json:"status" doc:"The HTTP status."`
	Detail     string         `json:"detail" doc:"What happened and what to do about it, for people."`
	Code       string         `json:"code" doc:"What kind of failure it is, for programs. Stable."`
	Instance   string         `json:"instance" doc:"The request's id, as in X-Request-Id."`
	Errors     []problemField `json:"errors,omitzero" doc:"With validation_failed: the values at fault."`
	Scope      string         `json:"scope,omitzero" doc:"With insufficient_scope: the scopes that are needed, separated by spaces."`
	Quota      string         `json:"quota,omitzero" doc:"With quota_exhausted: its name."`
	Limit      *int64         `json:"limit,omitzero" doc:"With quota_exhausted: its limit."`
	Used       *int64         `json:"used,omitzero" doc:"With quota_exhausted: how much of it is used."`
	ExistingID string         `json:"existing_id,omitzero" doc:"With external_ref_taken: who has the reference. With version_conflict of a fact: the fact that it conflicts with."`
}

type problemField struct {
	Location string `json:"location" doc:"Where the value is: body.…, query.…, path.… or header.…"`
	Message  string `json:"message" doc:"What is wrong with it."`
	Value    any    `json:"value" doc:"The value, when it is short and not secret; else null."`
}

// asError gives every error the shape of the vocabulary. What is not of it is a
// bug, save a deadline: then something that Raven depends on was too slow.
func asError(err error) *core.Error {
	var e *core.Error
	switch {
	case errors.As(err, &e) && statuses[e.Code] != 0:
		return e
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return core.Unavailable(err)
	default:
		return &core.Error{
			Code: core.CodeInternal, Cause: err,
			Message: "Something went wrong in Raven. The operator's log says more under this request's id.",
		}
	}
}

// newProblem is the body for an error; 404s differ in instance alone.
func newProblem(e *core.Error, requestID string) problem {
	status := statuses[e.Code]
	p := problem{
		Type: problemTypes + string(e.Code), Title: http.StatusText(status), Status: status,
		Detail: e.Message, Code: string(e.Code), Instance: requestID, ExistingID: e.ExistingID,
	}
	for _, f := range e.Fields {
		if text, ok := f.Value.(string); ok && len(text) > maxShownValue {
			f.Value = nil
		}
		p.Errors = append(p.Errors, problemField(f))
	}
	if e.Code == core.CodeValidation && len(e.Fields) > 0 {
		p.Detail = e.Fields[0].Location + ": " + e.Fields[0].Message
	}
	if e.Scope != 0 {
		p.Scope = e.Scope.String()
	}
	if e.Quota != nil {
		p.Quota, p.Limit, p.Used = e.Quota.Name, &e.Quota.Limit, &e.Quota.Used
	}
	return p
}

func (p problem) encode() []byte {
	out, err := json.Marshal(p)
	if err != nil { // a refused value that does not encode is left out
		p.Errors = nil
		out, _ = json.Marshal(p)
	}
	return out
}

// located puts in front of the locations that a service gave where its input
// came from; a handler itself may have refused something of the path.
func located(err error, prefix string) error {
	var e *core.Error
	if !errors.As(err, &e) || len(e.Fields) == 0 {
		return err
	}
	out := *e
	out.Fields = make([]core.FieldError, len(e.Fields))
	for i, f := range e.Fields {
		if !strings.HasPrefix(f.Location, "path.") {
			f.Location = prefix + "." + f.Location
		}
		out.Fields[i] = f
	}
	return &out
}

// retryAfter is a duration in the whole seconds that Retry-After counts, never
// less than it takes.
func retryAfter(d time.Duration) string {
	return strconv.FormatInt(max(1, ceilSeconds(d)), 10)
}

func ceilSeconds(d time.Duration) int64 { return int64(math.Ceil(max(d, 0).Seconds())) }

// problemHeaders are those that go with an error.
func problemHeaders(e *core.Error, set func(name, value string)) {
	switch e.Code {
	case core.CodeUnauthenticated:
		set("WWW-Authenticate", "Bearer")
	case core.CodeInsufficientScope:
		set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="`+e.Scope.String()+`"`)
	case core.CodeRateLimited, core.CodeUnavailable, core.CodeKeyManagement, core.CodeIdempotencyRunning:
		set("Retry-After", retryAfter(e.RetryAfter))
	default:
	}
}
