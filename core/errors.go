package core

import (
	"errors"
	"fmt"
	"time"
)

// Code names a kind of failure. The values are stable: they are what callers
// of the HTTP API switch on.
type Code string

// The error vocabulary. Adapters translate their driver's errors into it in
// one place each; the HTTP adapter translates it into statuses in one table.
const (
	CodeBadRequest           Code = "bad_request"
	CodeInvalidCursor        Code = "invalid_cursor"
	CodeUnauthenticated      Code = "unauthenticated"
	CodeInsufficientScope    Code = "insufficient_scope"
	CodeQuotaExhausted       Code = "quota_exhausted"
	CodeRegistrationClosed   Code = "registration_closed"
	CodeTenantSuspended      Code = "tenant_suspended"
	CodeNotFound             Code = "not_found"
	CodeEmailTaken           Code = "email_taken"
	CodeExternalRefTaken     Code = "external_ref_taken"
	CodeLastAdminKey         Code = "last_admin_key"
	CodeConversationClosed   Code = "conversation_closed"
	CodeVersionConflict      Code = "version_conflict"
	CodeIdempotencyRunning   Code = "idempotency_in_progress"
	CodePreconditionFailed   Code = "precondition_failed"
	CodePayloadTooLarge      Code = "payload_too_large"
	CodeUnsupportedMediaType Code = "unsupported_media_type"
	CodeValidation           Code = "validation_failed"
	CodeIdempotencyReused    Code = "idempotency_key_reused"
	CodeKeyUnavailable       Code = "key_unavailable"
	CodeRateLimited          Code = "rate_limited"
	CodeUnavailable          Code = "unavailable"
	CodeKeyManagement        Code = "key_management_unavailable"
	CodeMethodNotAllowed     Code = "method_not_allowed"
	CodeURITooLong           Code = "uri_too_long"
	CodeHeadersTooLarge      Code = "headers_too_large"
	CodeInternal             Code = "internal"
)

// FieldError says what is wrong with one value of a request. Location is a
// path such as "body.settings.batch_size" or "query.limit". Value is the
// refused value when it is short and not secret, else nil.
type FieldError struct {
	Location string
	Message  string
	Value    any
}

// Error is every failure that a caller may be told about. Message is public:
// it never holds a secret, memory content or a driver's words. Cause is for the
// operator's log only.
type Error struct {
	Code    Code
	Message string
	Fields  []FieldError

	Scope      Scopes        // with CodeInsufficientScope: what is missing
	Quota      *QuotaUse     // with CodeQuotaExhausted
	ExistingID string        // with CodeExternalRefTaken; with CodeVersionConflict where it is no race
	RetryAfter time.Duration // with CodeRateLimited, CodeUnavailable, CodeKeyManagement

	Cause error
}

// QuotaUse is a hard capacity and what is used of it.
type QuotaUse struct {
	Name  string // "max_users" or "max_conversations_per_user"
	Limit int64
	Used  int64
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.Cause)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Message)
}

// Unwrap gives the cause, so that errors.Is reaches context errors.
func (e *Error) Unwrap() error { return e.Cause }

// CodeOf is the code of the first *Error in err's chain, CodeInternal for any
// other error and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}

// Is reports whether err carries the code.
func Is(err error, code Code) bool { return CodeOf(err) == code }

// NewError is an Error with a code and a public message.
func NewError(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// NotFound is the one answer for what never existed, what is gone and what
// belongs to somebody else. It carries nothing that could tell them apart.
func NotFound() *Error { return &Error{Code: CodeNotFound, Message: "There is nothing here."} }

// Unauthenticated is the one answer for a key that is missing, malformed,
// unknown, expired or revoked; cause says which to the operator's log.
func Unauthenticated(cause string) *Error {
	return &Error{
		Code:    CodeUnauthenticated,
		Message: "A valid API key is needed: Authorization: Bearer rk_…",
		Cause:   errors.New(cause),
	}
}

// ErrOutboxFull is the cause where a step would record an event and the tenant's
// outbox holds as many as it may. Nothing was done.
var ErrOutboxFull = errors.New("the outbox of the tenant holds as many events as it may")

// OutboxFull is caused by ErrOutboxFull.
func OutboxFull() *Error {
	return &Error{
		Code:       CodeUnavailable,
		Message:    "Too many events of this tenant wait to be recorded. Nothing was changed; try again later.",
		RetryAfter: time.Second,
		Cause:      ErrOutboxFull,
	}
}

// Unavailable says that something could not be reached, or not in time. Whether a
// step was done may be unknown; if it was, then whole.
func Unavailable(cause error) *Error {
	return &Error{
		Code: CodeUnavailable,
		Message: "A service that Raven depends on can't be reached; try again. " +
			"A change was made whole or not at all: repeated with the same Idempotency-Key, it is made once.",
		RetryAfter: time.Second,
		Cause:      cause,
	}
}

// Invalid is a validation failure of one field.
func Invalid(location, message string, value any) *Error {
	return InvalidFields([]FieldError{{Location: location, Message: message, Value: value}})
}

// InvalidFields is a validation failure of several fields; fields must not be empty.
func InvalidFields(fields []FieldError) *Error {
	return &Error{
		Code:    CodeValidation,
		Message: fields[0].Location + ": " + fields[0].Message,
		Fields:  fields,
	}
}
