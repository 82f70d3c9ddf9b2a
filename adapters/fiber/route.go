package fiberhttp

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/raven-memory/raven/core"
)

// route is one operation of the API. The router, the checks before its handler
// and the OpenAPI document are made from it.
type route struct {
	method    string
	path      string // as OpenAPI writes it
	name      string // the operation's id
	group     string // the heading it stands under
	summary   string
	about     string // more than the summary says; may be empty
	access    access
	scopes    core.Scopes
	query     []param
	versioned bool // has an ETag, and takes If-Match or If-None-Match

	endpoint

	// reads marks a POST that changes nothing. Its answers may hold memory that
	// is forgotten meanwhile, so they are not kept for an Idempotency-Key; a
	// repeated one is answered anew.
	reads bool

	// again answers by what was kept of a body, where that is not all that the answer
	// shows; nil where it is.
	again   func(s *Server, r *request, kept []byte) (answer, error)
	answers []result
	codes   []core.Code // of refusals, beside those that every route has
}

// underUsers reports whether the route is about what the tenant's own data keys
// seal: while they can't be had, it is refused, whatever it asks for.
func (rt *route) underUsers() bool { return strings.HasPrefix(rt.path, users) }

// result is one way in which an operation succeeds.
type result struct {
	status int
	body   reflect.Type // nil for none
	about  string
	mime   string // JSON where it is empty
}

// endpoint is a handler with the type of the body that it takes.
type endpoint struct {
	body reflect.Type // nil where none is taken
	// bind decodes the body and gives the rest as a function, so that a bad
	// body is refused before anything is remembered of the request.
	bind func(s *Server, r *request) (func() (answer, error), error)
	// handle is bind for public routes.
	handle func(s *Server, r *request) (answer, error)
}

// takes makes an endpoint of a handler that wants a body. What a service says
// is wrong with a value, it says of the body's.
func takes[T any](h func(*Server, *request, T) (answer, error)) endpoint {
	return endpoint{body: reflect.TypeFor[T](), bind: func(s *Server, r *request) (func() (answer, error), error) {
		in, err := decode[T](r.body)
		return func() (answer, error) {
			a, err := h(s, r, in)
			return a, located(err, "body")
		}, err
	}}
}

// asks makes an endpoint of a handler that wants no body.
func asks(h func(*Server, *request) (answer, error)) endpoint {
	return endpoint{handle: h, bind: func(s *Server, r *request) (func() (answer, error), error) {
		return func() (answer, error) {
			a, err := h(s, r)
			return a, located(err, "query")
		}, nil
	}}
}

// anew makes an again of what is kept, a T.
func anew[T any](h func(*Server, *request, T) (answer, error)) func(*Server, *request, []byte) (answer, error) {
	return func(s *Server, r *request, kept []byte) (answer, error) {
		var body T
		if err := json.Unmarshal(kept, &body); err != nil {
			return answer{}, fmt.Errorf("reading a kept answer: %w", err)
		}
		return h(s, r, body)
	}
}

// gives describes a success with a body of type T.
func gives[T any](status int, about string) result {
	return result{status: status, body: reflect.TypeFor[T](), about: about}
}

// nothing describes a success without a body.
func nothing(about string) result { return result{status: http.StatusNoContent, about: about} }

// as says that the body is of another media type than JSON.
func (r result) as(mime string) result { r.mime = mime; return r }
