package app

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/raven-memory/raven/adapters/importers"
	"github.com/raven-memory/raven/core"
)

// thereFact is a fact that the server has.
type thereFact struct {
	ID           string     `json:"id"`
	Text         string     `json:"text"`
	ValidFrom    time.Time  `json:"valid_from"`
	ValidTo      *time.Time `json:"valid_to"`
	SupersededBy string     `json:"superseded_by"`
}

// keepFact gathers the facts of a user: they are sent in an order of their own.
func (i *importing) keepFact(ctx context.Context, f lineFact) error {
	if len(i.facts) > 0 && (i.facts[0].User != f.User || len(i.facts) >= core.MaxFactsPerUser) {
		if err := i.sendFacts(ctx); err != nil {
			return err
		}
	}
	if len(i.facts) == 0 {
		if err := i.settle(ctx); err != nil { // facts rest on what was said
			return err
		}
	}
	i.facts = append(i.facts, f)
	return nil
}

// sendFacts sends the facts that were gathered, those that took another's place
// before that other.
func (i *importing) sendFacts(ctx context.Context) error {
	list := i.facts
	i.facts = nil
	if len(list) == 0 {
		return nil
	}
	u, err := i.user(ctx, importers.User{Ref: list[0].User}, false)
	if err != nil {
		return err
	}
	there := map[string]thereFact{}
	texts := map[string]bool{}
	err = importPages(ctx, i.client, "/users/"+u.id+"/facts", "&include=superseded", func(f thereFact) {
		there[factMark(f.Text, &f.ValidFrom)] = f
		texts[f.Text] = true
	})
	if err != nil {
		return fmt.Errorf("facts: %w", err)
	}
	ids := map[string]string{}
	for _, f := range factOrder(list) {
		known, ok := there[factMark(f.Text, f.ValidFrom)]
		if ok || f.ValidFrom == nil && texts[f.Text] {
			ids[f.ID] = known.ID
			i.result.There++
			continue
		}
		if err := i.sendFact(ctx, u, f, ids); err != nil {
			return err
		}
	}
	return nil
}

func factMark(text string, from *time.Time) string {
	if from == nil {
		return text
	}
	return from.UTC().Format(time.RFC3339Nano) + "\x00" + text
}

// factOrder puts each fact after the one that took its place, else keeps the
// order. Facts that lead in a circle come last.
func factOrder(list []lineFact) []lineFact {
	at := map[string]int{}
	for n, f := range list {
		if f.ID != "" {
			at[f.ID] = n
		}
	}
	depth := func(n int) (d int) {
		for d = range len(list) + 1 {
			next, ok := at[list[n].SupersededBy]
			if !ok {
				break
			}
			n = next
		}
		return d
	}
	depths := make(map[int]int, len(list))
	order := make([]int, len(list))
	for n := range list {
		order[n], depths[n] = n, depth(n)
	}
	slices.SortStableFunc(order, func(a, b int) int { return depths[a] - depths[b] })
	out := make([]lineFact, 0, len(list))
	for _, n := range order {
		out = append(out, list[n])
	}
	return out
}

func (i *importing) sendFact(ctx context.Context, u *importedUser, f lineFact, ids map[string]string) error {
	body := map[string]any{"text": f.Text}
	for name, text := range map[string]string{
		"subject": f.Subject, "attribute": f.Attribute, "value": f.Value, "superseded_by": ids[f.SupersededBy],
	} {
		if text != "" {
			body[name] = text
		}
	}
	for name, at := range map[string]*time.Time{"valid_from": f.ValidFrom, "valid_to": f.ValidTo} {
		if at != nil {
			body[name] = at.Format(time.RFC3339Nano)
		}
	}
	var sources []importedSource
	for _, s := range f.Sources {
		if from, ok := i.sources[s]; ok {
			sources = append(sources, from)
		}
	}
	if len(sources) > 0 {
		body["sources"] = sources
	}
	var made struct {
		ID string `json:"id"`
	}
	_, err := i.client.call(ctx, http.MethodPost, "/users/"+u.id+"/facts", "", body, &made)
	if refused(err) {
		return i.passOver(f.line, err)
	}
	if err != nil {
		return fmt.Errorf("line %d: fact: %w", f.line, err)
	}
	ids[f.ID] = made.ID
	i.result.Facts++
	i.report(i.result)
	return nil
}
