// Package modelserver is a stand-in for a server of models, for tests and
// measurements: it speaks OpenAI's HTTP API and /rerank over real HTTP, and is
// no model. Its vectors are sums of one fixed vector a word, where words of a
// small table of synonyms share theirs; its reranker counts words that question
// and text share so; its chat answers what a test makes it answer. The same
// request always gives the same answer.
package modelserver

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Server is a stand-in. It is an http.Handler, safe for concurrent use; its
// fields are set before it serves.
type Server struct {
	// Dimensions of vectors; 0 for DefaultDimensions.
	Dimensions int
	// Key is the API key that requests must bring; "" for none.
	Key string
	// Words gives a word's vector, in the place of the stand-in's own; nil for a
	// word that has none.
	Words func(word string) []float32
	// Weight is how much a word counts in a text's vector; nil for all alike.
	Weight func(word string) float64
	// Chat answers a chat: the content of the answer's message for those of the
	// system and the user.
	Chat func(system, user string) string

	mu       sync.Mutex
	failures []Failure
	delay    time.Duration
	calls    map[string]int
	seen     []string
}

// DefaultDimensions of the stand-in's vectors.
const DefaultDimensions = 96

// Failure is an answer in the place of the right one.
type Failure struct {
	Status     int
	RetryAfter string
	Body       string
	Hang       bool // no answer until the caller gives up
}

// Fail has the next requests fail, one failure each.
func (s *Server) Fail(list ...Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append(s.failures, list...)
}

// Slow has every request take so long.
func (s *Server) Slow(delay time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = delay
}

// Calls counts the requests to a path, failed ones included.
func (s *Server) Calls(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[path]
}

// Texts lists the texts that were embedded, of the latest few thousand.
func (s *Server) Texts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.seen...)
}

// ServeHTTP answers, under any prefix that it was mounted under.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body) // first, for only then a caller that leaves is noticed
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	failure, delay := s.next(r.URL.Path)
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-r.Context().Done():
			return
		}
	}
	switch {
	case failure.Hang:
		<-r.Context().Done()
		return
	case failure.Status != 0:
		if failure.RetryAfter != "" {
			w.Header().Set("Retry-After", failure.RetryAfter)
		}
		w.WriteHeader(failure.Status)
		_, _ = w.Write([]byte(failure.Body))
		return
	case failure.Body != "":
		_, _ = w.Write([]byte(failure.Body))
		return
	case s.Key != "" && r.Header.Get("Authorization") != "Bearer "+s.Key:
		w.WriteHeader(http.StatusUnauthorized)
		return
	case r.Method != http.MethodPost:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	s.answer(w, r)
}

// next counts a request and says what becomes of it.
func (s *Server) next(path string) (Failure, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls == nil {
		s.calls = map[string]int{}
	}
	s.calls[path]++
	if len(s.failures) == 0 {
		return Failure{}, s.delay
	}
	f := s.failures[0]
	s.failures = s.failures[1:]
	return f, s.delay
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	var out any
	var err error
	switch r.URL.Path {
	case "/embeddings":
		out, err = s.embeddings(r)
	case "/rerank":
		out, err = s.rerank(r)
	case "/chat/completions":
		out, err = s.chat(r)
	default:
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out)
}

type object map[string]any

func (s *Server) embeddings(r *http.Request) (any, error) {
	var in struct {
		Model      string `json:"model"`
		Input      texts  `json:"input"`
		Dimensions int    `json:"dimensions"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.seen = append(s.seen, in.Input...)
	s.seen = s.seen[max(0, len(s.seen)-4000):]
	s.mu.Unlock()
	data := make([]object, len(in.Input))
	for i, text := range in.Input {
		data[i] = object{"object": "embedding", "index": i, "embedding": s.Vector(in.Model, text, in.Dimensions)}
	}
	for i := range len(data) / 2 { // the order is the index's to tell
		data[i], data[len(data)-1-i] = data[len(data)-1-i], data[i]
	}
	return object{"object": "list", "model": in.Model, "data": data}, nil
}

// texts is a list of texts, or one text by itself.
type texts []string

// UnmarshalJSON reads either.
func (t *texts) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '"' {
		*t = make(texts, 1)
		return json.Unmarshal(raw, &(*t)[0])
	}
	return json.Unmarshal(raw, (*[]string)(t))
}

func (s *Server) rerank(r *http.Request) (any, error) {
	var in struct {
		Query     string   `json:"query"`
		Documents []string `json:"documents"`
		Texts     []string `json:"texts"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, err
	}
	results := []object{}
	for i, text := range append(in.Documents, in.Texts...) {
		score := shared(in.Query, text)
		results = append(results, object{"index": i, "relevance_score": score, "score": score})
	}
	for i := range len(results) / 2 {
		results[i], results[len(results)-1-i] = results[len(results)-1-i], results[i]
	}
	if in.Texts != nil {
		return results, nil
	}
	return object{"results": results}, nil
}

func (s *Server) chat(r *http.Request) (any, error) {
	var in struct {
		Messages []struct {
			Role    string `json:"role"`
			Content string `json:"content"`
		} `json:"messages"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, err
	}
	said := map[string]string{}
	for _, m := range in.Messages {
		said[m.Role] = m.Content
	}
	content := `{"facts": []}`
	if s.Chat != nil {
		content = s.Chat(said["system"], said["user"])
	}
	message := object{"role": "assistant", "content": content}
	return object{"id": "chat-" + strconv.Itoa(len(content)), "choices": []object{{"index": 0, "message": message, "finish_reason": "stop"}}}, nil
}
