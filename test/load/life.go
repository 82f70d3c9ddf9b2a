package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/valyala/fasthttp"
)

// life is a user who comes, is talked with, and goes; then the next comes. Many of
// them at once, each at another of its steps, are a load under which nothing
// grows but the log of events.
type life struct {
	place
	n    int64 // which life it is
	step int
}

var lives atomic.Int64

// steps of a life.
var steps = strings.Fields(`user conversation ingest context ingest search ingest context ingest search ingest close
	conversation ingest context ingest search ingest context ingest search ingest delete`)

// build makes the request of the next step, and says what is to be answered.
func (l *life) build(r *fasthttp.Request) (status int) {
	switch steps[l.step] {
	case "user":
		l.n = lives.Add(1)
		l.api.build(r, "PUT", fmt.Sprintf("/users/ext:life%d", l.n), nil)
		return 201
	case "conversation":
		l.api.build(r, "POST", l.user+"/conversations", []byte("{}"))
		return 201
	case "ingest":
		l.api.build(r, "POST", l.conversation+"/memory", interactions(int(l.n), 2))
		return 201
	case "context":
		l.api.build(r, "POST", l.user+"/context", question)
		return 200
	case "search":
		l.api.build(r, "POST", l.user+"/memory/search", question)
		return 200
	case "close":
		l.api.build(r, "PATCH", l.conversation, []byte(`{"status":"closed"}`))
		return 200
	default:
		l.api.build(r, "DELETE", l.user, nil)
		return 204
	}
}

// errRefused is an answer of 503; the step is still to be taken.
var errRefused = errors.New("refused")

// live takes the next step.
func (l *life) live(client *fasthttp.Client) error {
	var req fasthttp.Request
	var res fasthttp.Response
	status := l.build(&req)
	if err := client.Do(&req, &res); err != nil {
		return err
	}
	if res.StatusCode() == unavailable {
		return errRefused
	}
	if res.StatusCode() != status {
		return fmt.Errorf("%s: answered %d: %s", steps[l.step], res.StatusCode(), res.Body())
	}
	var made struct{ ID string }
	var err error
	switch steps[l.step] {
	case "user":
		err = json.Unmarshal(res.Body(), &made)
		l.user = "/users/" + made.ID
	case "conversation":
		err = json.Unmarshal(res.Body(), &made)
		l.conversation = l.user + "/conversations/" + made.ID
	}
	l.step = (l.step + 1) % len(steps)
	return err
}
