package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/raven-memory/raven/adapters/importers"
)

// ImportOptions say what is taken in, and where.
type ImportOptions struct {
	Format string    // one of importers.Formats
	In     io.Reader // the export
	User   string    // whose the records are that name no user; "" for nobody's
	URL    string    // of the server
	APIKey string    // of the tenant, with users:write, conversations:write and memory:*

	// Bad is told of what can't be taken in, and passed over. Nil: the import
	// ends there.
	Bad func(line int, problem string)

	// Waiting is told of each time that the server does not answer, and how long
	// it is waited before it is asked again. Nil for nobody.
	Waiting func(why error, wait time.Duration)
}

// ImportResult counts what became of an import.
type ImportResult struct {
	Users         int64 `json:"users"`         // made
	Conversations int64 `json:"conversations"` // made
	Interactions  int64 `json:"interactions"`  // taken in
	Facts         int64 `json:"facts"`         // taken in
	There         int64 `json:"there_already"` // interactions and facts of an earlier run
	Bad           int64 `json:"bad"`           // passed over
	Line          int   `json:"line"`          // of the input, as far as it was read
}

// Import takes an export in over the HTTP API of a running server. It may be
// run again, with the same input or a longer one, at any time: users and
// conversations are found by their references, and interactions and facts that
// are there are not taken in again. Times are kept. report is told of progress.
func Import(ctx context.Context, opt ImportOptions, report func(ImportResult)) (ImportResult, error) {
	reader, ok := importers.New(opt.Format, opt.In, importers.Options{User: opt.User})
	if !ok {
		return ImportResult{}, fmt.Errorf("there is no format %q", opt.Format)
	}
	i := &importing{
		client: newImportClient(opt.URL, opt.APIKey), bad: opt.Bad, report: report,
		asIs: opt.Format == "raven", users: map[string]*importedUser{},
	}
	if opt.Waiting != nil {
		i.client.waiting = opt.Waiting
	}
	err := i.all(ctx, reader)
	return i.result, err
}

// importing is an import on its way.
type importing struct {
	client *importClient
	bad    func(line int, problem string)
	report func(ImportResult)
	asIs   bool // the input holds the facts: none are looked for in what was said
	result ImportResult

	users   map[string]*importedUser
	waiting []*importedConversation   // with interactions to be sent, or to be closed
	held    int                       // bytes of those
	facts   []lineFact                // of one user, to be sent
	sources map[string]importedSource // by the input's ids of interactions, of one user
}

// importedSource is where the server has an interaction.
type importedSource struct {
	Conversation string `json:"conversation_id"`
	Interaction  string `json:"interaction_id"`
}

// lineFact is a fact, and where it is.
type lineFact struct {
	*importers.Fact
	line int
}

// importedUser is a user that there is on the server.
type importedUser struct {
	id            string
	bare          bool // made before the input told its name
	conversations map[string]*importedConversation
}

func (i *importing) all(ctx context.Context, reader importers.Reader) error {
	for {
		record, err := reader.Next()
		if errors.Is(err, io.EOF) {
			if err := i.settle(ctx); err != nil {
				return err
			}
			err = i.sendFacts(ctx)
			i.report(i.result)
			return err
		}
		var line *importers.LineError
		if errors.As(err, &line) && !line.Fatal {
			err = i.passOver(line.Line, errors.New(line.Message))
		} else if err == nil {
			i.result.Line = record.Line
			err = i.take(ctx, record)
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return i.ended(ctx, err)
		}
		i.report(i.result)
	}
}

// ended sends what was read before an import ends early, as far as that goes.
func (i *importing) ended(ctx context.Context, err error) error {
	var e *apiError
	if ctx.Err() == nil && !errors.As(err, &e) {
		i.keepOpen()
		return errors.Join(err, i.settle(ctx))
	}
	return err
}

// passOver notes what can't be taken in, or ends the import there.
func (i *importing) passOver(line int, why error) error {
	if i.bad == nil {
		return fmt.Errorf("line %d: %w", line, why)
	}
	i.result.Bad++
	i.bad(line, why.Error())
	return nil
}

func (i *importing) take(ctx context.Context, r importers.Record) error {
	if r.Fact != nil {
		return i.keepFact(ctx, lineFact{r.Fact, r.Line})
	}
	if err := i.sendFacts(ctx); err != nil {
		return err
	}
	var err error
	switch {
	case r.User != nil:
		i.sources = map[string]importedSource{}
		_, err = i.user(ctx, *r.User, true)
	case r.Conversation != nil:
		if err = i.settle(ctx); err == nil {
			err = i.newConversation(ctx, *r.Conversation)
		}
	case r.Interaction != nil:
		err = i.interaction(ctx, *r.Interaction, r.Line)
	}
	if refused(err) {
		return i.passOver(r.Line, err)
	}
	return err
}

// user finds a user by its reference, or makes it. told says that the input
// tells of it here.
func (i *importing) user(ctx context.Context, u importers.User, told bool) (*importedUser, error) {
	known, ok := i.users[u.Ref]
	body := map[string]any{}
	if u.DisplayName != "" {
		body["display_name"] = u.DisplayName
	}
	if u.Metadata != nil {
		body["metadata"] = u.Metadata
	}
	switch {
	case ok && told && known.bare && len(body) > 0:
		_, err := i.client.call(ctx, http.MethodPatch, "/users/"+known.id, "", body, nil)
		known.bare = err != nil
		return known, err
	case ok:
		return known, nil
	}
	var made struct {
		ID string `json:"id"`
	}
	a, err := i.client.call(ctx, http.MethodPut, "/users/ext:"+url.PathEscape(u.Ref), "", body, &made)
	if err != nil {
		return nil, fmt.Errorf("user: %w", err)
	}
	known = &importedUser{id: made.ID, conversations: map[string]*importedConversation{}}
	if a.made {
		i.result.Users++
		known.bare = !told
	}
	i.users[u.Ref] = known
	return known, nil
}
