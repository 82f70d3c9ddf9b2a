package outbound

// Own and ParseRetryAfter are what they are named for.
var (
	Own             = own
	ParseRetryAfter = parseRetryAfter
)
