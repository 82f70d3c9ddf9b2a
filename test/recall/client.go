package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/raven-memory/raven/test/locomo"
	"github.com/raven-memory/raven/test/process"
)

// maxInteractions is the most that one call of the API takes.
const maxInteractions = 256

// client speaks the HTTP API.
type client struct {
	base, key string
	run       string // tells this run's users from an earlier one's
	http      *http.Client
}

// newClient registers a tenant unless there is a key.
func newClient(ctx context.Context, base, key string) (*client, error) {
	c := &client{
		base: base + "/api/v1", key: key, run: strconv.FormatInt(time.Now().UnixNano(), 36),
		http: &http.Client{Timeout: time.Minute},
	}
	if key != "" {
		return c, nil
	}
	request := map[string]any{
		"name": "Recall", "email": "recall-" + c.run + "@example.com",
		"settings": map[string]any{"max_users": 1000, "max_conversations_per_user": 1000},
	}
	var answer struct {
		APIKey struct {
			Key string `json:"key"`
		} `json:"api_key"`
	}
	if err := c.post(ctx, "/tenants", request, &answer); err != nil {
		return nil, err
	}
	c.key = answer.APIKey.Key
	return c, nil
}

func (c *client) ingest(ctx context.Context, s locomo.Sample) (string, map[string]string, error) {
	var user struct{ ID string }
	if err := c.post(ctx, "/users", map[string]any{"external_ref": s.ID + "-" + c.run}, &user); err != nil {
		return "", nil, err
	}
	turns := map[string]string{}
	for _, session := range s.Sessions {
		var conversation struct{ ID string }
		path := "/users/" + url.PathEscape(user.ID) + "/conversations"
		if err := c.post(ctx, path, map[string]any{}, &conversation); err != nil {
			return "", nil, err
		}
		path += "/" + url.PathEscape(conversation.ID) + "/memory"
		for rest := session.Turns; len(rest) > 0; {
			n := min(len(rest), maxInteractions)
			if err := c.store(ctx, path, rest[:n], turns); err != nil {
				return "", nil, err
			}
			rest = rest[n:]
		}
	}
	return user.ID, turns, nil
}

// store sends turns in one call and notes their interactions' ids.
func (c *client) store(ctx context.Context, path string, list []locomo.Turn, turns map[string]string) error {
	interactions := make([]map[string]any, len(list))
	for i, t := range list {
		interactions[i] = map[string]any{
			"role": t.Role, "name": t.Speaker, "content": t.Content(), "occurred_at": t.At.Format(time.RFC3339),
		}
	}
	var answer struct {
		IDs []string `json:"interaction_ids"`
	}
	if err := c.post(ctx, path, map[string]any{"interactions": interactions}, &answer); err != nil {
		return err
	}
	if len(answer.IDs) != len(list) {
		return fmt.Errorf("POST %s took %d interactions and answered %d ids", path, len(list), len(answer.IDs))
	}
	for i, id := range answer.IDs {
		turns[id] = list[i].ID
	}
	return nil
}

func (c *client) search(ctx context.Context, user, question string) ([]string, error) {
	var answer struct {
		Data []struct{ ID string }
	}
	path := "/users/" + url.PathEscape(user) + "/memory/search"
	if err := c.post(ctx, path, map[string]any{"query": question, "limit": locomo.Limit}, &answer); err != nil {
		return nil, err
	}
	ids := make([]string, len(answer.Data))
	for i := range answer.Data {
		ids[i] = answer.Data[i].ID
	}
	return ids, nil
}

// post sends one request. When the rate limit refuses it, it waits as long as
// the answer says and sends it again.
func (c *client) post(ctx context.Context, path string, request, answer any) error {
	for {
		said, err := process.Call(ctx, c.http, http.MethodPost, c.base+path, c.key, request)
		if err != nil {
			return err
		}
		switch {
		case said.Status == http.StatusTooManyRequests:
			seconds, err := strconv.Atoi(said.Header.Get("Retry-After"))
			if err != nil {
				return fmt.Errorf("POST %s: 429 without a Retry-After: %w", path, err)
			}
			if err := wait(ctx, time.Duration(max(seconds, 1))*time.Second); err != nil {
				return err
			}
		case said.Status/100 == 2:
			return json.Unmarshal(said.Body, answer)
		default:
			return fmt.Errorf("POST %s: %d: %s", path, said.Status, said.Body)
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
