package app

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/raven-memory/raven/adapters/importers"
	"github.com/raven-memory/raven/core"
)

// Bounds of what waits to be sent together.
const (
	importBatch      = 100
	importBatchBytes = 1 << 20
	importWaiting    = 32 << 20 // bytes, of all conversations
)

// importedConversation is a conversation that there is on the server.
type importedConversation struct {
	id      string
	path    string
	there   map[string][]*thereAlready
	pending []lineInteraction
	bytes   int
	close   bool
}

// thereAlready is an interaction that the server has, to be met once.
type thereAlready struct {
	id  string
	met bool
}

// lineInteraction is an interaction, and where it is.
type lineInteraction struct {
	importers.Interaction
	line int
}

// wire is an interaction as the API takes it.
func (l lineInteraction) wire() map[string]any {
	out := map[string]any{"role": l.Role, "content": l.Content}
	if l.Name != "" {
		out["name"] = l.Name
	}
	if l.OccurredAt != nil {
		out["occurred_at"] = l.OccurredAt.Format(time.RFC3339Nano)
	}
	if l.Metadata != nil {
		out["metadata"] = l.Metadata
	}
	return out
}

// mark is what an interaction is met again by. Without a time of its own it got
// that of the import.
func mark(role, name, content string, at *time.Time) string {
	when := ""
	if at != nil {
		when = at.UTC().Format(time.RFC3339Nano)
	}
	sum := sha256.Sum256([]byte(role + "\x00" + name + "\x00" + when + "\x00" + content))
	return string(sum[:16])
}

// newConversation finds a conversation by its reference, or makes it.
func (i *importing) newConversation(ctx context.Context, c importers.Conversation) error {
	u, err := i.user(ctx, importers.User{Ref: c.User}, false)
	if err != nil {
		return err
	}
	known, err := i.conversation(ctx, u, c)
	if err == nil && c.Closed && !known.close {
		known.close = true
		i.waiting = append(i.waiting, known)
	}
	return err
}

func (i *importing) conversation(ctx context.Context, u *importedUser, c importers.Conversation) (*importedConversation, error) {
	if known, ok := u.conversations[c.Ref]; ok {
		return known, nil
	}
	body := map[string]any{"external_ref": c.Ref}
	if c.Title != "" {
		body["title"] = c.Title
	}
	if c.Metadata != nil {
		body["metadata"] = c.Metadata
	}
	var made struct {
		ID string `json:"id"`
	}
	path := "/users/" + u.id + "/conversations"
	known := &importedConversation{there: map[string][]*thereAlready{}}
	_, err := i.client.call(ctx, http.MethodPost, path, "", body, &made)
	var taken *apiError
	switch {
	case err == nil:
		known.id = made.ID
		i.result.Conversations++
	case errors.As(err, &taken) && taken.Code == "external_ref_taken":
		known.id = taken.ExistingID
		known.path = path + "/" + known.id
		err = i.look(ctx, known)
	}
	if err != nil {
		return nil, fmt.Errorf("conversation: %w", err)
	}
	known.path = path + "/" + known.id
	u.conversations[c.Ref] = known
	return known, nil
}

// look reads what is in a conversation already.
func (i *importing) look(ctx context.Context, c *importedConversation) error {
	c.there = map[string][]*thereAlready{}
	return importPages(ctx, i.client, c.path+"/memory", "", func(in struct {
		ID         string    `json:"id"`
		Role       string    `json:"role"`
		Name       string    `json:"name"`
		Content    string    `json:"content"`
		OccurredAt time.Time `json:"occurred_at"`
	},
	) {
		one := &thereAlready{id: in.ID}
		for _, m := range []string{mark(in.Role, in.Name, in.Content, &in.OccurredAt), mark(in.Role, in.Name, in.Content, nil)} {
			c.there[m] = append(c.there[m], one)
		}
	})
}

// importPages visits every item of a list of the API's.
func importPages[T any](ctx context.Context, c *importClient, path, query string, visit func(T)) error {
	for cursor := ""; ; {
		var page struct {
			Data []T    `json:"data"`
			Next string `json:"next_cursor"`
		}
		where := path + "?limit=100" + query
		if cursor != "" {
			where += "&cursor=" + url.QueryEscape(cursor)
		}
		if _, err := c.call(ctx, http.MethodGet, where, "", nil, &page); err != nil {
			return err
		}
		for _, item := range page.Data {
			visit(item)
		}
		if cursor = page.Next; cursor == "" {
			return nil
		}
	}
}

// meet finds an interaction among those that are there.
func (c *importedConversation) meet(l lineInteraction) (id string, ok bool) {
	for _, one := range c.there[mark(l.Role, l.Name, l.Content, l.OccurredAt)] {
		if !one.met {
			one.met = true
			return one.id, true
		}
	}
	return "", false
}

// interaction puts an interaction to those that are to be sent.
func (i *importing) interaction(ctx context.Context, in importers.Interaction, line int) error {
	u, err := i.user(ctx, importers.User{Ref: in.User}, false)
	if err != nil {
		return err
	}
	c, err := i.conversation(ctx, u, importers.Conversation{User: in.User, Ref: in.Conversation})
	if err != nil {
		return err
	}
	l := lineInteraction{in, line}
	if id, ok := c.meet(l); ok {
		i.result.There++
		i.noteSource(c, l, id)
		return nil
	}
	if len(c.pending) == 0 && !c.close {
		i.waiting = append(i.waiting, c)
	}
	c.pending = append(c.pending, l)
	size := len(in.Content) + len(in.Metadata) + 100
	c.bytes += size
	i.held += size
	if len(c.pending) >= importBatch || c.bytes >= importBatchBytes {
		return i.send(ctx, c)
	}
	if i.held > importWaiting {
		return i.settle(ctx)
	}
	return nil
}

// noteSource notes where the server has an interaction, for the facts that rest
// on it.
func (i *importing) noteSource(c *importedConversation, l lineInteraction, id string) {
	if i.asIs && l.ID != "" && i.sources != nil {
		i.sources[l.ID] = importedSource{Conversation: c.id, Interaction: id}
	}
}

// settle sends all that waits, and closes what is to be closed.
func (i *importing) settle(ctx context.Context) error {
	waiting := i.waiting
	i.waiting = nil
	for _, c := range waiting {
		if err := i.send(ctx, c); err != nil {
			return err
		}
		if !c.close {
			continue
		}
		if _, err := i.client.call(ctx, http.MethodPatch, c.path, "", map[string]string{"status": "closed"}, nil); err != nil {
			return fmt.Errorf("closing a conversation: %w", err)
		}
	}
	return nil
}

// keepOpen leaves conversations open whose rest is still to come.
func (i *importing) keepOpen() {
	for _, c := range i.waiting {
		c.close = false
	}
}

// send sends a conversation's interactions together.
func (i *importing) send(ctx context.Context, c *importedConversation) error {
	list := c.pending
	i.held -= c.bytes
	c.pending, c.bytes = nil, 0
	if len(list) == 0 {
		return nil
	}
	return i.sendList(ctx, c, list, "")
}

// sendList sends interactions. Where one of them is refused, each is sent by
// itself, to tell which.
func (i *importing) sendList(ctx context.Context, c *importedConversation, list []lineInteraction, run string) error {
	body := map[string]any{"interactions": wires(list)}
	if i.asIs {
		body["extract_facts"] = false
	}
	var done struct {
		IDs []string `json:"interaction_ids"`
	}
	a, err := i.client.call(ctx, http.MethodPost, c.path+"/memory", importKey(list, run), body, &done)
	switch {
	case refused(err) && len(list) == 1:
		return i.passOver(list[0].line, err)
	case refused(err):
		for n := range list {
			if err := i.sendList(ctx, c, list[n:n+1], run); err != nil {
				return err
			}
		}
		return nil
	case err != nil:
		return fmt.Errorf("line %d: %w", list[0].line, err)
	case a.replayed && run == "":
		return i.sendAgain(ctx, c, list)
	}
	for n, l := range list {
		if n < len(done.IDs) {
			i.noteSource(c, l, done.IDs[n])
		}
	}
	i.result.Interactions += int64(len(list))
	i.report(i.result)
	return nil
}

// sendAgain looks what is still there of what an earlier run sent, and sends the
// rest: it may have been forgotten since.
func (i *importing) sendAgain(ctx context.Context, c *importedConversation, list []lineInteraction) error {
	if err := i.look(ctx, c); err != nil {
		return err
	}
	var rest []lineInteraction
	for _, l := range list {
		if id, ok := c.meet(l); ok {
			i.noteSource(c, l, id)
			i.result.There++
		} else {
			rest = append(rest, l)
		}
	}
	if len(rest) == 0 {
		return nil
	}
	return i.sendList(ctx, c, rest, rand.Text())
}

func wires(list []lineInteraction) (out []map[string]any) {
	for _, l := range list {
		out = append(out, l.wire())
	}
	return out
}

// importKey is what a request is known again by: where in the input its
// interactions are, and what they say.
func importKey(list []lineInteraction, run string) string {
	h := sha256.New()
	for _, l := range list {
		text, err := json.Marshal(l.wire())
		if err != nil {
			text = []byte(l.Content) // what can't be written is refused by the call
		}
		_, _ = fmt.Fprintf(h, "%d\x00%d\x00%s", l.line, len(text), text)
	}
	key := "import-" + hex.EncodeToString(h.Sum(nil))
	if run != "" {
		key += "-" + run
	}
	return key[:min(len(key), core.MaxIdempotencyKey)]
}
