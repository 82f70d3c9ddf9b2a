package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Walk registers a tenant whose email holds tag, creates a user and a
// conversation, ingests the sample, and asks for context. base is the server's
// URL without a slash at its end. It stops at the first answer that is not a
// success.
func Walk(ctx context.Context, out io.Writer, base, tag string) error {
	w := &walker{ctx: ctx, out: out, base: base + "/api/v1", client: &http.Client{Timeout: 30 * time.Second}}
	w.say("1. Register a tenant. The API key is shown this once.")
	registered := w.call("POST", "/tenants", object{"name": "Demo", "email": "demo-" + tag + "@example.com"})
	w.key = text(registered, "api_key", "key")

	w.say("2. Create a user, under an id of your own.")
	w.call("PUT", "/users/ext:maya", object{"display_name": "Maya"})

	w.say("3. Start a conversation.")
	started := w.call("POST", "/users/ext:maya/conversations", object{"title": "Settling in", "external_ref": "settling-in"})
	conversation := text(started, "id")

	w.say("4. Ingest every interaction. What is answered is durable, and searchable at once.")
	for _, e := range sample {
		w.call("POST", "/users/ext:maya/conversations/"+conversation+"/memory", e.body())
	}

	w.say("5. Ask for context before the next answer: %q", question)
	context := w.call("POST", "/users/ext:maya/context", object{"query": question, "max_tokens": 300})
	if w.err != nil {
		return w.err
	}
	w.say("The context block, ready for a prompt:")
	fmt.Fprintln(out, text(context, "context"))
	w.say("The server keeps running with this data. Yours to use:\n\nexport RAVEN=%s\nexport KEY=%s\ncurl -sS -H \"Authorization: Bearer $KEY\" $RAVEN/api/v1/tenant/usage\n\nThe console, where this key signs in: %s/console\nThe API's documentation: %s/docs   Stop with Ctrl-C.", base, w.key, base, base)
	return nil
}

type object map[string]any

func (e exchange) body() object {
	var list []object
	for _, t := range e.turns {
		in := object{"role": t.role, "content": t.content, "occurred_at": e.at}
		if t.name != "" {
			in["name"] = t.name
		}
		list = append(list, in)
	}
	return object{"interactions": list}
}

// walker keeps the first error; calls after it do nothing.
type walker struct {
	ctx    context.Context //nolint:containedctx // lives as long as one walk
	out    io.Writer
	base   string
	key    string
	client *http.Client
	err    error
}

func (w *walker) say(format string, args ...any) {
	if w.err == nil {
		fmt.Fprintf(w.out, "\n# "+format+"\n", args...)
	}
}

func (w *walker) call(method, path string, body object) object {
	if w.err != nil {
		return nil
	}
	payload, err := json.Marshal(body)
	if err != nil {
		w.err = err
		return nil
	}
	w.print(method, path, payload)
	answer, err := w.send(method, path, payload)
	if err != nil {
		w.err = fmt.Errorf("%s %s: %w", method, path, err)
	}
	return answer
}

func (w *walker) print(method, path string, payload []byte) {
	fmt.Fprintf(w.out, "curl -sS -X %s %s%s", method, w.base, path)
	if w.key != "" {
		fmt.Fprintf(w.out, " \\\n  -H 'Authorization: Bearer %s'", w.key)
	}
	quoted := strings.ReplaceAll(string(payload), "'", `'\''`)
	fmt.Fprintf(w.out, " \\\n  -H 'Content-Type: application/json' \\\n  -d '%s'\n", quoted)
}

func (w *walker) send(method, path string, payload []byte) (object, error) {
	req, err := http.NewRequestWithContext(w.ctx, method, w.base+path, bytes.NewReader(payload))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if w.key != "" {
		req.Header.Set("Authorization", "Bearer "+w.key)
	}
	res, err := w.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // read to its end below
	raw, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err != nil {
		return nil, err
	}
	var pretty bytes.Buffer
	if json.Indent(&pretty, raw, "", "  ") == nil {
		fmt.Fprintf(w.out, "%s\n\n", bytes.TrimSpace(pretty.Bytes()))
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		return nil, fmt.Errorf("answered %s", res.Status)
	}
	var answer object
	err = json.Unmarshal(raw, &answer)
	return answer, err
}

// text follows names into nested objects; "" where they do not lead to text.
func text(o object, names ...string) string {
	var v any = map[string]any(o)
	for _, name := range names {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	s, _ := v.(string)
	return s
}
