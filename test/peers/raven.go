package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/raven-memory/raven/test/locomo"
	"github.com/raven-memory/raven/test/process"
)

// raven is a server on the embedded store, reached as its users reach it.
type raven struct {
	server *process.Server
	data   string
	key    string
	http   *http.Client
	model  *model // nil: no vectors

	mu    sync.Mutex
	made  map[string]bool   // conversations, by path
	ids   map[string]string // turns, by interaction
	users map[string]bool
}

// openRaven starts a server; model gives it vectors.
func openRaven(ctx context.Context, binary, dir string, m *model) (store, error) {
	env := []string{"RAVEN_LIMITS_RATE_PER_MINUTE=0", "RAVEN_LOG_LEVEL=warn"}
	if m != nil {
		env = append(env, "RAVEN_EMBEDDER_PROVIDER=openai", "RAVEN_EMBEDDER_URL="+m.url, "RAVEN_EMBEDDER_MODEL="+m.name, "RAVEN_EMBEDDER_QUERY_TIMEOUT=10s")
	}
	s := &raven{
		data: filepath.Join(dir, "data"), model: m, made: map[string]bool{}, ids: map[string]string{}, users: map[string]bool{},
		http: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	}
	var err error
	if s.server, err = process.Start(binary, s.data, env...); err != nil {
		return nil, err
	}
	keyFile := filepath.Join(dir, "key")
	if key, err := os.ReadFile(keyFile); err == nil {
		s.key = string(key)
		return s, nil
	}
	var tenant struct {
		APIKey struct{ Key string } `json:"api_key"`
	}
	if err := s.call(ctx, "POST", "/tenants", map[string]any{"name": "Peers", "email": "peers@example.com"}, &tenant); err != nil {
		s.kill()
		return nil, err
	}
	s.key = tenant.APIKey.Key
	return s, os.WriteFile(keyFile, []byte(s.key), 0o600)
}

func (s *raven) add(ctx context.Context, e entry) error {
	user := "/users/ext:" + url.PathEscape(e.User)
	conversation := user + "/conversations/ext:" + url.PathEscape(e.Session)
	if err := s.prepare(ctx, user, conversation, e); err != nil {
		return err
	}
	interaction := map[string]any{
		"role": e.Role, "name": e.Speaker, "content": e.Content, "occurred_at": e.At, "metadata": map[string]any{"turn": e.Turn},
	}
	var stored struct {
		IDs []string `json:"interaction_ids"`
	}
	if err := s.call(ctx, "POST", conversation+"/memory", map[string]any{"interactions": []any{interaction}}, &stored); err != nil {
		return err
	}
	if len(stored.IDs) != 1 {
		return fmt.Errorf("%d ids for a turn", len(stored.IDs))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids[stored.IDs[0]] = e.Turn
	return nil
}

// prepare makes the user and the conversation of an entry where they are missing.
func (s *raven) prepare(ctx context.Context, user, conversation string, e entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.made[conversation] {
		return nil
	}
	if !s.users[user] {
		if err := s.call(ctx, "PUT", user, map[string]any{}, nil); err != nil {
			return err
		}
		s.users[user] = true
	}
	if err := s.call(ctx, "POST", user+"/conversations", map[string]any{"external_ref": e.Session}, nil); err != nil {
		return err
	}
	s.made[conversation] = true
	return nil
}

// settle waits until every turn has its vector.
func (s *raven) settle(ctx context.Context) error {
	if s.model == nil {
		return nil
	}
	for user := range s.users {
		if err := s.call(ctx, "POST", user+"/memory/search", map[string]any{"query": "index"}, nil); err != nil {
			return err
		}
	}
	return s.model.settle(ctx)
}

func (s *raven) search(ctx context.Context, _, user, question string) ([]string, error) {
	var found struct {
		Data []struct{ ID string }
	}
	query := map[string]any{"query": question, "limit": locomo.Limit}
	if err := s.call(ctx, "POST", "/users/ext:"+url.PathEscape(user)+"/memory/search", query, &found); err != nil {
		return nil, err
	}
	turns := make([]string, len(found.Data))
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, item := range found.Data {
		turns[i] = s.ids[item.ID]
	}
	return turns, nil
}

func (s *raven) turns(ctx context.Context, user string) (turns []string, err error) {
	path := "/users/ext:" + url.PathEscape(user) + "/conversations"
	conversations, err := pages[struct{ ID string }](ctx, s, path)
	for _, c := range conversations {
		list, err := pages[struct {
			Metadata struct{ Turn string }
		}](ctx, s, path+"/"+c.ID+"/memory")
		if err != nil {
			return nil, err
		}
		for _, in := range list {
			turns = append(turns, in.Metadata.Turn)
		}
	}
	return turns, err
}

// pages reads a whole list.
func pages[T any](ctx context.Context, s *raven, path string) (all []T, err error) {
	for cursor := ""; ; {
		var page struct {
			Data       []T
			NextCursor string `json:"next_cursor"`
		}
		query := "?limit=100"
		if cursor != "" {
			query += "&cursor=" + url.QueryEscape(cursor)
		}
		if err := s.call(ctx, "GET", path+query, nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Data...)
		if cursor = page.NextCursor; cursor == "" {
			return all, nil
		}
	}
}

func (s *raven) call(ctx context.Context, method, path string, in, out any) error {
	said, err := process.Call(ctx, s.http, method, s.server.URL+"/api/v1"+path, s.key, in)
	switch {
	case err != nil:
		return err
	case said.Status/100 != 2:
		return fmt.Errorf("%s %s: %d: %s", method, path, said.Status, said.Body)
	case out == nil:
		return nil
	}
	return json.Unmarshal(said.Body, out)
}

func (s *raven) kill() { s.server.Kill() }

func (s *raven) close() (int64, error) {
	s.http.CloseIdleConnections()
	if code := s.server.Stop(); code != 0 {
		return 0, errors.New("it ended badly and said: " + s.server.Log())
	}
	return size(s.data)
}
