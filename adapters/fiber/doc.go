// Package fiberhttp is the HTTP API of Raven, on Fiber. It turns requests into
// calls of the services and their outcomes into answers: it decides who calls,
// what a request says and how a failure reads, and nothing about memory.
//
// One table (routes.go) says what there is; the router, the checks before a
// handler and the OpenAPI document are all made from it.
//
// fasthttp reuses its buffers and never cancels a request: nothing that a
// handler sees aliases them, and every request has a deadline of its own.
package fiberhttp
