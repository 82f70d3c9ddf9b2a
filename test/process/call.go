package process

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
)

// Answer is what a server said.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Call sends a request with a body of JSON, nil for none, as the holder of an API
// key, "" for nobody. headers are names and values in turn. An error means that no
// whole answer came; whatever the status, one that came is none.
func Call(ctx context.Context, client *http.Client, method, url, key string, body any, headers ...string) (Answer, error) {
	var payload io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return Answer{}, err
		}
		payload = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, payload)
	if err != nil {
		return Answer{}, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := client.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer res.Body.Close() //nolint:errcheck // it was read to its end
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return Answer{}, err
	}
	return Answer{res.StatusCode, res.Header, raw}, nil
}
