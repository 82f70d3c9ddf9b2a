package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// How a request is tried again.
const (
	importTimeout  = 2 * time.Minute  // of one try
	importPatience = 15 * time.Minute // with a server that says to wait, or does not answer
	importPause    = time.Second
	importLongest  = time.Minute
)

// apiError is a refusal of the server's.
type apiError struct {
	Status     int    `json:"status"`
	Code       string `json:"code"`
	Detail     string `json:"detail"`
	ExistingID string `json:"existing_id"`
	Errors     []struct {
		Location string `json:"location"`
		Message  string `json:"message"`
	} `json:"errors"`
}

func (e *apiError) Error() string {
	text := e.Detail
	for _, f := range e.Errors {
		text += " " + strings.TrimPrefix(f.Location, "body.") + " " + f.Message + "."
	}
	return fmt.Sprintf("%s (%d %s)", strings.TrimSpace(text), e.Status, e.Code)
}

// refused reports whether an error says that what was sent is at fault, so that
// it can be passed over.
func refused(err error) bool {
	var e *apiError
	if !errors.As(err, &e) {
		return false
	}
	switch e.Status {
	case http.StatusUnprocessableEntity, http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		return true
	default:
		return e.Code == "conversation_closed"
	}
}

// importClient speaks to a server's API.
type importClient struct {
	url, key string
	http     *http.Client
	wait     func(ctx context.Context, d time.Duration) error
	waiting  func(why error, wait time.Duration) // told where no answer came
}

func newImportClient(url, key string) *importClient {
	return &importClient{
		url: strings.TrimRight(url, "/") + "/api/v1", key: key, http: &http.Client{Timeout: importTimeout}, wait: pause,
		waiting: func(error, time.Duration) {},
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// answered is what the status of an answer says.
type answered struct {
	made     bool // it was not there before
	replayed bool // an earlier run sent the same
}

// call sends a request until the server answers it, and obeys it when it says to
// wait. An idempotency key lets a request whose answer was lost be sent again.
func (c *importClient) call(ctx context.Context, method, path, idempotency string, in, out any) (a answered, err error) {
	body, err := json.Marshal(in)
	if err != nil {
		return a, err
	}
	var waited time.Duration
	for try := 0; ; try++ {
		res, err := c.try(ctx, method, path, idempotency, body, in != nil)
		after := min(importPause<<min(try, 6), importLongest)
		if err == nil {
			a = answered{made: res.StatusCode == http.StatusCreated, replayed: try == 0 && res.Header.Get("Idempotent-Replayed") == "true"}
			var again time.Duration
			if again, err = read(res, out); err == nil || again == 0 {
				return a, err
			}
			after = max(again, importPause)
		}
		if waited += after; ctx.Err() != nil || waited > importPatience {
			return a, err
		}
		if err != nil && !errors.As(err, new(*apiError)) {
			c.waiting(err, after)
		}
		if bad := c.wait(ctx, after); bad != nil {
			return a, errors.Join(bad, err)
		}
	}
}

func (c *importClient) try(ctx context.Context, method, path, idempotency string, body []byte, hasBody bool) (*http.Response, error) {
	var payload io.Reader = http.NoBody
	if hasBody {
		payload = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, payload)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	if hasBody {
		req.Header.Set("Content-Type", "application/json")
	}
	if idempotency != "" {
		req.Header.Set("Idempotency-Key", idempotency)
	}
	return c.http.Do(req)
}

// read takes the answer; again is above 0 when the same may be sent after that
// time.
func read(res *http.Response, out any) (again time.Duration, err error) {
	defer res.Body.Close() //nolint:errcheck // it was only read
	if res.StatusCode < http.StatusMultipleChoices {
		if out == nil || res.StatusCode == http.StatusNoContent {
			_, _ = io.Copy(io.Discard, res.Body)
			return 0, nil
		}
		if err := json.NewDecoder(res.Body).Decode(out); err != nil {
			return importPause, fmt.Errorf("the server's answer: %w", err)
		}
		return 0, nil
	}
	e := &apiError{}
	if json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(e) != nil || e.Code == "" {
		e = &apiError{Code: "no_problem_document", Detail: "The server answered " + res.Status + "."}
	}
	e.Status = res.StatusCode
	switch {
	case e.Status == http.StatusTooManyRequests, e.Status == http.StatusServiceUnavailable,
		e.Status == http.StatusBadGateway, e.Status == http.StatusGatewayTimeout, e.Code == "idempotency_in_progress":
		seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
		return max(time.Duration(seconds)*time.Second, importPause), e
	default:
		return 0, e
	}
}
