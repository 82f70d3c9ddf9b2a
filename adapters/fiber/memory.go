package fiberhttp

import (
	"net/http"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/audit"
	"github.com/raven-memory/raven/core/memory"
	"github.com/raven-memory/raven/core/recall"
)

type newInteractionJSON struct {
	Role       string   `json:"role" enum:"user,assistant,system,tool" example:"user" doc:"Who speaks."`
	Content    string   `json:"content" minLength:"1" example:"My daughter Ida starts school in August." doc:"What was said; 1 byte to 64 KiB."`
	Name       *string  `json:"name,omitzero" minLength:"1" maxLength:"200" doc:"The speaker's name."`
	OccurredAt *instant `json:"occurred_at,omitzero" nullable:"true" doc:"When it was said; null for now."`
	Metadata   *object  `json:"metadata,omitzero" nullable:"true" doc:"Any JSON object of at most 16 KiB and 5 levels."`
}

type ingestJSON struct {
	Interactions []newInteractionJSON `json:"interactions" minItems:"1" maxItems:"256" doc:"In the order in which they were said."`
	ExtractFacts *bool                `json:"extract_facts,omitzero" doc:"false: facts are not looked for in these, as they are stated otherwise. Default true."`
	Context      *contextQueryJSON    `json:"context,omitzero" doc:"Asks for context in the same round trip, with what was just stored in it. Needs memory:read too."`
}

type ingestedJSON struct {
	InteractionIDs []string     `json:"interaction_ids" doc:"In the order of the request."`
	Buffered       int64        `json:"buffered" doc:"How many interactions of the conversation wait to be sealed into a blob."`
	FlushedBlobIDs []string     `json:"flushed_blob_ids" doc:"The blobs that this call sealed."`
	Context        *contextJSON `json:"context,omitzero" doc:"What was asked for, made anew for a replay. There is none where it could not be made: what is stored is stored."`
}

type flushedJSON struct {
	FlushedBlobIDs []string `json:"flushed_blob_ids"`
	Buffered       int64    `json:"buffered"`
}

type interactionJSON struct {
	ID             string  `json:"id"`
	ConversationID string  `json:"conversation_id"`
	BlobID         *string `json:"blob_id" doc:"null while it is buffered."`
	Role           string  `json:"role" enum:"user,assistant,system,tool"`
	Name           *string `json:"name"`
	Content        string  `json:"content"`
	Metadata       object  `json:"metadata"`
	OccurredAt     instant `json:"occurred_at"`
	CreatedAt      instant `json:"created_at" doc:"When Raven took it in; retention counts from here."`
}

type blobJSON struct {
	ID               string   `json:"id"`
	Kind             string   `json:"kind" enum:"episodic,semantic"`
	ConversationID   *string  `json:"conversation_id" doc:"null for a semantic blob: it holds a fact."`
	InteractionCount int64    `json:"interaction_count"`
	FirstAt          instant  `json:"first_at"`
	LastAt           instant  `json:"last_at"`
	SizeBytes        int64    `json:"size_bytes" doc:"Its sealed size."`
	KeyVersion       int64    `json:"key_version" doc:"The data key that it is sealed under."`
	ExpiresAt        *instant `json:"expires_at" nullable:"true" doc:"When the last of it expires; null for never."`
}

type openBlobJSON struct {
	blobJSON
	Interactions []interactionJSON `json:"interactions"`
	Facts        []factJSON        `json:"facts,omitzero" doc:"Of a semantic blob, what it holds."`
}

func interactionToJSON(in core.Interaction) interactionJSON {
	return interactionJSON{
		ID: string(in.ID), ConversationID: string(in.Conversation), BlobID: orNil(in.Blob),
		Role: string(in.Role), Name: orNil(in.Name), Content: in.Content, Metadata: object(in.Metadata.JSON()),
		OccurredAt: instant(in.OccurredAt), CreatedAt: instant(in.AcceptedAt),
	}
}

func blobToJSON(b memory.Blob) blobJSON {
	return blobJSON{
		ID: string(b.ID), Kind: string(b.Kind), ConversationID: orNil(b.Conversation),
		InteractionCount: int64(len(b.Numbers)), FirstAt: instant(b.FirstAt), LastAt: instant(b.LastAt),
		SizeBytes: b.Size, KeyVersion: int64(b.KeyVersion), ExpiresAt: timeOrNil(b.ExpiresAt),
	}
}

func blobID(b memory.Blob) string { return string(b.ID) }

func interactionID(in core.Interaction) string { return string(in.ID) }

func (s *Server) ingest(r *request, in ingestJSON) (a answer, err error) {
	err = s.Tenancy.ForConversation(r.ctx, r.caller, r.path[pathUser], r.path[pathConversation],
		func(user core.UserID, conversation core.ConversationID) error {
			a, err = s.ingestInto(r, user, conversation, in)
			return err
		})
	return a, err
}

func (s *Server) ingestInto(r *request, user core.UserID, conversation core.ConversationID, in ingestJSON) (answer, error) {
	question, err := s.ingestQuestion(r, user, conversation, in.Context)
	if err != nil {
		return answer{}, err
	}
	list := make([]memory.NewInteraction, 0, len(in.Interactions))
	for _, n := range in.Interactions {
		list = append(list, memory.NewInteraction{
			Role: n.Role, Content: n.Content, Name: n.Name, OccurredAt: plainTime(n.OccurredAt), Metadata: objectBytes(n.Metadata),
		})
	}
	ingest := s.Memory.Ingest
	if in.ExtractFacts != nil && !*in.ExtractFacts {
		ingest = s.Memory.IngestOnly
	}
	done, err := ingest(r.ctx, r.caller, r.op, user, conversation, list)
	if err != nil {
		return answer{}, err
	}
	out := ingestedJSON{
		InteractionIDs: idStrings(done.IDs), Buffered: done.Buffered, FlushedBlobIDs: idStrings(done.Flushed),
	}
	kept := out
	out.Context, err = s.contextBeside(r, user, question)
	s.report(r, "making the context of an ingest", err) // what is stored is stored, and is answered so
	return answer{status: http.StatusCreated, body: out, kept: kept}, nil
}

// ingestAgain answers a repeated ingest.
func (s *Server) ingestAgain(r *request, out ingestedJSON) (answer, error) {
	in, err := decode[ingestJSON](r.body)
	if err != nil || in.Context == nil {
		return answer{status: http.StatusCreated, body: out}, err
	}
	err = s.Tenancy.ForConversation(r.ctx, r.caller, r.path[pathUser], r.path[pathConversation],
		func(user core.UserID, conversation core.ConversationID) error {
			question, err := s.ingestQuestion(r, user, conversation, in.Context)
			if err == nil {
				out.Context, err = s.contextBeside(r, user, question)
			}
			return err
		})
	if core.Is(err, core.CodeInsufficientScope) { // of another key than the first request's
		return answer{}, err
	}
	s.report(r, "making the context of a repeated ingest", err)
	return answer{status: http.StatusCreated, body: out}, nil
}

// contextBeside makes the context that an ingest asks for; nil for none.
func (s *Server) contextBeside(r *request, user core.UserID, question *recall.ContextQuery) (*contextJSON, error) {
	if question == nil {
		return nil, nil
	}
	c, err := s.context(r, user, *question)
	if err != nil {
		return nil, err
	}
	made := contextToJSON(c)
	return &made, nil
}

// ingestQuestion checks what an ingest asks beside, before anything is stored.
func (s *Server) ingestQuestion(r *request, user core.UserID, conversation core.ConversationID, in *contextQueryJSON) (*recall.ContextQuery, error) {
	if in == nil {
		return nil, nil
	}
	if err := r.caller.Require(core.ScopeMemoryRead); err != nil {
		return nil, err
	}
	q, err := s.contextQuery(r, user, *in, "context.")
	if q.Conversation == "" {
		q.Conversation = conversation
	}
	return &q, err
}

func (s *Server) flush(r *request, _ noBody) (answer, error) {
	user, conversation, err := s.conversation(r)
	if err != nil {
		return answer{}, err
	}
	blobs, err := s.Memory.Flush(r.ctx, r.caller, r.op, user, conversation)
	return answer{status: http.StatusOK, body: flushedJSON{FlushedBlobIDs: idStrings(blobs)}}, err
}

func (s *Server) listInteractions(r *request) (answer, error) {
	user, conversation, err := s.conversation(r)
	if err != nil {
		return answer{}, err
	}
	cursor, _ := r.query.text("cursor")
	order, _ := r.query.text("order")
	page, err := s.Memory.List(r.ctx, r.caller, user, conversation, cursor, r.query.limit(), order == "desc")
	if err == nil {
		err = s.noteRead(r.ctx, r.caller, audit.Read{
			Kind: "interactions", User: user, Conversation: conversation, Items: readIDs(page.Items, interactionID),
		})
	}
	return answer{status: http.StatusOK, body: listOf(page, interactionToJSON)}, err
}

func (s *Server) deleteInteraction(r *request) (answer, error) {
	id, err := r.interactionID()
	if err != nil {
		return answer{}, err
	}
	user, conversation, err := s.conversation(r)
	if err != nil {
		return answer{}, err
	}
	return noContent(s.Memory.DeleteInteraction(r.ctx, r.caller, user, conversation, id))
}

func (s *Server) listBlobs(r *request) (answer, error) {
	user, err := s.user(r)
	if err != nil {
		return answer{}, err
	}
	cursor, _ := r.query.text("cursor")
	page, err := s.Memory.Blobs(r.ctx, r.caller, user, cursor, r.query.limit())
	if err == nil {
		err = s.noteRead(r.ctx, r.caller, audit.Read{
			Kind: "blobs", User: user, Items: readIDs(page.Items, blobID),
		})
	}
	return answer{status: http.StatusOK, body: listOf(page, blobToJSON)}, err
}

func (s *Server) getBlob(r *request) (answer, error) {
	id, err := r.blobID()
	if err != nil {
		return answer{}, err
	}
	user, err := s.user(r)
	if err != nil {
		return answer{}, err
	}
	b, err := s.Memory.Blob(r.ctx, r.caller, user, id)
	if err == nil {
		err = s.noteRead(r.ctx, r.caller, audit.Read{
			Kind: "blob", User: user, Conversation: b.Conversation, Items: readIDs([]memory.Blob{b}, blobID),
		})
	}
	out := openBlobJSON{blobJSON: blobToJSON(b), Interactions: []interactionJSON{}}
	if b.Fact != nil {
		out.Facts = []factJSON{factToJSON(*b.Fact)}
	}
	for _, in := range b.Content {
		out.Interactions = append(out.Interactions, interactionToJSON(in))
	}
	return answer{status: http.StatusOK, body: out}, err
}

func (s *Server) deleteBlob(r *request) (answer, error) {
	id, err := r.blobID()
	if err != nil {
		return answer{}, err
	}
	user, err := s.user(r)
	if err != nil {
		return answer{}, err
	}
	return noContent(s.Memory.DeleteBlob(r.ctx, r.caller, user, id))
}

func (s *Server) clearMemory(r *request) (answer, error) {
	user, err := s.user(r)
	if err != nil {
		return answer{}, err
	}
	return noContent(s.Memory.ClearMemory(r.ctx, r.caller, user))
}
