package openai

import (
	"context"
	_ "embed" // for the prompt
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/raven-memory/raven/core"
)

// What one call to the model may cost at most.
const (
	maxMessages       = 20
	maxMessageBytes   = 4000 // longer ones are mostly pasted; they are passed over
	maxRequestBytes   = 24 << 10
	maxAnswerTokens   = 1500
	extractTries      = 3
	extractSlots      = 2
	maxExtractAnswer  = 1 << 20
	factsOfOneMessage = 8
)

//go:embed prompt.md
var prompt string

// ExtractorOptions say how to ask for facts.
type ExtractorOptions struct {
	Server
	Timeout time.Duration // of one request
}

// Extractor finds facts with a chat model. What it is asked of is the messages
// that users wrote, as quoted data; what it answers counts only when it is in
// the bounds and the message says it in those words. Safe for concurrent use.
type Extractor struct {
	client *client
	model  string
	// newer says that the server wants the request as OpenAI's newer models do.
	newer atomic.Bool
}

// NewExtractor makes one. Nothing is asked before the first message.
func NewExtractor(opt ExtractorOptions) *Extractor {
	l := limits{timeout: opt.Timeout, tries: extractTries, concurrency: extractSlots, answer: maxExtractAnswer}
	return &Extractor{client: newClient(opt.Server, l), model: opt.Model}
}

// Stats counts the requests.
func (e *Extractor) Stats() Stats { return e.client.stats() }

// Close closes idle connections.
func (e *Extractor) Close() { e.client.close() }

// Extract finds facts in what was said, call by call. It fails as
// ports.Embedder does.
func (e *Extractor) Extract(ctx context.Context, list []core.Interaction) ([]core.FactCandidate, error) {
	var found []core.FactCandidate
	for _, batch := range batches(list) {
		facts, err := e.extract(ctx, batch)
		if err != nil {
			return nil, err
		}
		found = append(found, facts...)
	}
	return found, nil
}

// batches gives what is asked of in one call each. What an assistant says is
// nothing about the user, unless it speaks under a name.
func batches(list []core.Interaction) [][]core.Interaction {
	var all [][]core.Interaction
	var batch []core.Interaction
	bytes := 0
	for _, in := range list {
		if len(in.Content) > maxMessageBytes || in.Name == "" && in.Role != core.RoleUser {
			continue
		}
		if len(batch) == maxMessages || bytes+len(in.Content) > maxRequestBytes {
			all, batch, bytes = append(all, batch), nil, 0
		}
		batch = append(batch, in)
		bytes += len(in.Content)
	}
	if len(batch) > 0 {
		all = append(all, batch)
	}
	return all
}

func (e *Extractor) extract(ctx context.Context, batch []core.Interaction) ([]core.FactCandidate, error) {
	asked := e.newer.Load()
	facts, err := e.chat(ctx, batch, asked)
	if core.Is(err, core.CodeBadRequest) && !asked {
		if facts, err = e.chat(ctx, batch, true); err == nil {
			e.newer.Store(true)
		}
	}
	if err != nil {
		return nil, err
	}
	return candidates(batch, facts), nil
}

type chatRequest struct {
	Model               string         `json:"model"`
	Messages            []chatMessage  `json:"messages"`
	ResponseFormat      map[string]any `json:"response_format"`
	Temperature         *float64       `json:"temperature,omitempty"`
	MaxTokens           int            `json:"max_tokens,omitempty"`
	MaxCompletionTokens int            `json:"max_completion_tokens,omitempty"`
}

type chatMessage struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type chatAnswer struct {
	Choices []struct {
		Message struct {
			Content string `json:"content"`
		} `json:"message"`
	} `json:"choices"`
}

// fact is one as a model gives it.
type fact struct {
	Message   int    `json:"message"`
	Subject   string `json:"subject"`
	Attribute string `json:"attribute"`
	Value     string `json:"value"`
	Quote     string `json:"quote"`
}

// chat makes one call.
func (e *Extractor) chat(ctx context.Context, batch []core.Interaction, newer bool) ([]fact, error) {
	content, err := messages(batch)
	if err != nil {
		return nil, err
	}
	request := chatRequest{
		Model:    e.model,
		Messages: []chatMessage{{Role: "system", Content: prompt}, {Role: "user", Content: content}},
		ResponseFormat: map[string]any{
			"type": "json_schema", "json_schema": map[string]any{"name": "facts", "strict": true, "schema": schema()},
		},
	}
	if newer {
		request.MaxCompletionTokens = maxAnswerTokens
	} else {
		request.MaxTokens, request.Temperature = maxAnswerTokens, new(float64)
	}
	var answer chatAnswer
	var said struct {
		Facts []fact `json:"facts"`
	}
	err = e.client.ask(ctx, "/chat/completions", request, &answer, func() error {
		if len(answer.Choices) == 0 {
			return errors.New("no choice")
		}
		return json.Unmarshal([]byte(unfenced(answer.Choices[0].Message.Content)), &said)
	})
	return said.Facts, err
}

// messages writes what is asked of as JSON, in which no text can end itself.
func messages(batch []core.Interaction) (string, error) {
	type message struct {
		Number int    `json:"number"`
		Writer string `json:"writer"`
		Date   string `json:"date"`
		Text   string `json:"text"`
	}
	list := make([]message, len(batch))
	for i, in := range batch {
		writer := in.Name
		if writer == "" {
			writer = "user"
		}
		list[i] = message{Number: i + 1, Writer: writer, Date: in.OccurredAt.UTC().Format(time.DateOnly), Text: in.Content}
	}
	raw, err := json.Marshal(map[string]any{"messages": list})
	if err != nil {
		return "", fmt.Errorf("openai: write messages: %w", err)
	}
	return string(raw), nil
}

// unfenced takes away the fence that some models put around their JSON.
func unfenced(text string) string {
	text = strings.TrimSpace(text)
	if inner, ok := strings.CutPrefix(text, "```"); ok {
		inner = strings.TrimPrefix(inner, "json")
		text = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(inner), "```"))
	}
	return text
}
