package localkeys

import "github.com/raven-memory/raven/core"

// unavailable is the one answer to whatever does not unwrap.
func unavailable(cause error) error {
	return &core.Error{
		Code:    core.CodeKeyUnavailable,
		Message: "The key that protects this data is not available.",
		Cause:   cause,
	}
}
