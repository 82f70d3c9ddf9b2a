package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"syscall"

	"github.com/raven-memory/raven/core"
)

// translate says in Raven's own words why there was no answer. What a receiver
// or a resolver says of itself is in the cause alone.
func translate(err error) error {
	e := core.Unavailable(err)
	switch {
	case errors.Is(err, errForbidden):
		e.Message = "The URL leads to an address that deliveries may not go to."
	case errors.Is(err, context.Canceled):
		e.Message = "The attempt was broken off."
	case errors.As(err, new(*net.DNSError)):
		e.Message = "The receiver's name does not resolve."
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), timedOut(err):
		e.Message = "The receiver did not answer in time."
	case untrusted(err):
		e.Message = "The receiver's certificate is not trusted, or is another host's."
	case errors.As(err, new(tls.RecordHeaderError)), errors.As(err, new(tls.AlertError)):
		e.Message = "TLS with the receiver failed."
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Message = "The receiver refuses connections."
	default:
		e.Message = "The receiver could not be reached, or gave no whole answer."
	}
	return e
}

func timedOut(err error) bool {
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}

func untrusted(err error) bool {
	return errors.As(err, new(*tls.CertificateVerificationError)) || errors.As(err, new(x509.UnknownAuthorityError)) ||
		errors.As(err, new(x509.HostnameError)) || errors.As(err, new(x509.CertificateInvalidError))
}
