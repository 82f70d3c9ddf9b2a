package mcp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/raven-memory/raven/core"
)

const (
	stdioAtOnce   = 8 // messages under way
	stdioPatience = 2 * time.Minute
	maxMessage    = 8 << 20

	// Codes of JSON-RPC 2.0: what is not JSON, and the server's own.
	codeParse  = -32700
	codeServer = -32000
)

// Bridge carries the protocol between lines of JSON on in and out and a server:
// for clients that start a program instead of calling an address.
type Bridge struct {
	endpoint string
	key      string
	client   *http.Client
	out      io.Writer

	mu      sync.Mutex // of what follows, and of out
	version string     // of the protocol, once it is agreed
	failed  error      // out can't be written to
}

// NewBridge makes a bridge to the server at a base address, with an API key.
func NewBridge(server, key string, out io.Writer) (*Bridge, error) {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%q is not the address of a server, such as https://raven.example.com", server)
	}
	if key == "" {
		return nil, errors.New("there is no API key")
	}
	return &Bridge{
		endpoint: u.JoinPath("mcp").String(), key: key, out: out,
		client: &http.Client{Timeout: stdioPatience, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // the key goes to the server that was named
		}},
	}, nil
}

// Run carries messages until in ends or ctx is done. In the second case what is
// under way is cut short, and reading from in may go on until it gives something.
func (b *Bridge) Run(ctx context.Context, in io.Reader) error {
	lines, ended := make(chan []byte), make(chan error, 1)
	go func() { ended <- readLines(ctx, in, lines) }()
	var wg sync.WaitGroup
	defer wg.Wait()
	room := make(chan struct{}, stdioAtOnce)
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			wg.Wait()
			return errors.Join(err, b.broken())
		case line := <-lines:
			if err := b.broken(); err != nil {
				return err
			}
			room <- struct{}{}
			wg.Go(func() {
				defer func() { <-room }()
				b.carry(ctx, line)
			})
		}
	}
}

func readLines(ctx context.Context, in io.Reader, lines chan<- []byte) error {
	scanner := bufio.NewScanner(in)
	scanner.Buffer(make([]byte, 0, 64<<10), maxMessage)
	for scanner.Scan() {
		line := bytes.Clone(bytes.TrimSpace(scanner.Bytes()))
		if len(line) == 0 {
			continue
		}
		select {
		case lines <- line:
		case <-ctx.Done():
			return nil
		}
	}
	return scanner.Err()
}

// message is what the bridge reads of one.
type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
}

func (b *Bridge) carry(ctx context.Context, line []byte) {
	var m message
	if err := json.Unmarshal(line, &m); err != nil {
		b.refuse(json.RawMessage("null"), codeParse, "a line is not a message in JSON")
		return
	}
	answer, err := b.post(ctx, line)
	switch {
	case err != nil && len(m.ID) > 0:
		b.refuse(m.ID, codeServer, err.Error())
	case err != nil || len(answer) == 0:
	default:
		if m.Method == "initialize" {
			b.agree(answer)
		}
		b.write(answer)
	}
}

// post sends a message and gives the answer; nil for a message that gets none.
func (b *Bridge) post(ctx context.Context, line []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.endpoint, bytes.NewReader(line))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+b.key)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	if v := b.agreed(); v != "" {
		r.Header.Set("Mcp-Protocol-Version", v)
	}
	answer, err := b.client.Do(r)
	if err != nil {
		return nil, errors.New("the server can't be reached")
	}
	defer answer.Body.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxMessage))
	switch {
	case err != nil:
		return nil, errors.New("the server's answer broke off")
	case answer.StatusCode == http.StatusAccepted:
		return nil, nil
	case answer.StatusCode == http.StatusOK && strings.HasPrefix(answer.Header.Get("Content-Type"), "application/json"):
		return bytes.ReplaceAll(body, []byte("\n"), []byte(" ")), nil
	}
	return nil, refusal(answer.StatusCode, body)
}

// refusal says why a server refused.
func refusal(status int, body []byte) error {
	var p struct {
		Code   core.Code `json:"code"`
		Detail string    `json:"detail"`
	}
	if json.Unmarshal(body, &p) == nil && p.Code != "" {
		return fmt.Errorf("%s: %s", p.Code, p.Detail)
	}
	return fmt.Errorf("the server answered with status %d", status)
}

func (b *Bridge) agree(answer []byte) {
	var m struct {
		Result struct {
			Version string `json:"protocolVersion"`
		} `json:"result"`
	}
	if json.Unmarshal(answer, &m) == nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.version = m.Result.Version
	}
}

func (b *Bridge) agreed() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.version
}

func (b *Bridge) broken() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed
}

func (b *Bridge) refuse(id json.RawMessage, code int, why string) {
	type problem struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	line, err := json.Marshal(struct {
		Version string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Error   problem         `json:"error"`
	}{"2.0", id, problem{code, why}})
	if err == nil {
		b.write(line)
	}
}

func (b *Bridge) write(line []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := b.out.Write(append(bytes.TrimSpace(line), '\n')); err != nil {
		b.failed = err
	}
}
