package fiberhttp

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/raven-memory/raven/core"
)

const headerIdempotencyKey = "Idempotency-Key"

// settleTime bounds what is done after a handler that used up its deadline.
const settleTime = 5 * time.Second

// rememberedRefusals are those that a repeated request gets again. The others
// may go otherwise the next time.
var rememberedRefusals = map[core.Code]bool{
	core.CodeNotFound: true, core.CodeEmailTaken: true, core.CodeExternalRefTaken: true,
	core.CodeLastAdminKey: true, core.CodeConversationClosed: true, core.CodePreconditionFailed: true,
}

// idempotencyKey is the request's, "" for none; only POSTs have one.
func idempotencyKey(rt *route, r *request) (string, error) {
	values := r.header(headerIdempotencyKey)
	if rt.method != http.MethodPost || len(values) == 0 {
		return "", nil
	}
	if len(values) > 1 || !visibleASCII(values[0], core.MaxIdempotencyKey) {
		return "", core.Invalid("header."+headerIdempotencyKey, "must be one key of 1 to 255 visible ASCII characters", nil)
	}
	return values[0], nil
}

// keptAnswer is an answer as it is remembered.
type keptAnswer struct {
	Status   int    `json:"status"`
	ETag     string `json:"etag,omitzero"`
	Location string `json:"location,omitzero"`
	Mime     string `json:"mime,omitzero"`
	Body     []byte `json:"body,omitzero"`
}

// madeJSON is what is kept of an answer that shows what a person wrote: a replay reads
// that as it is now, and does not find it once it is deleted. A Raven of before kept
// all of it, of which only the id is used.
type madeJSON struct {
	ID string `json:"id"`
}

// claim is one request's hold on its key.
type claim struct {
	tenant core.TenantID // whose key it is
	place  core.Place    // of the kept answer
	core.IdempotencyClaim
}

// once runs a request that carries an Idempotency-Key, unless it ran before.
func (s *Server) once(rt *route, r *request, key string, run func() (answer, error)) (answer, error) {
	c := s.claim(rt, r, key)
	state, err := s.Idempotency.Begin(r.ctx, c.tenant, c.IdempotencyClaim)
	if err != nil {
		return answer{}, err
	}
	switch state.Outcome {
	case core.IdempotencyRunning:
		e := core.NewError(core.CodeIdempotencyRunning, "The first request with this Idempotency-Key is still running.")
		e.RetryAfter = time.Second
		return answer{}, e
	case core.IdempotencyMismatch:
		return answer{}, core.NewError(core.CodeIdempotencyReused, "This Idempotency-Key was used with another body. A key stands for one request.")
	case core.IdempotencyDone:
		return s.replay(rt, r, c, state.Response, run)
	default:
	}
	c.OpID = state.OpID
	r.op = core.Op{ID: state.OpID, Until: c.Until}
	settled := false
	defer func() {
		if !settled { // run panicked
			s.settle(rt, r, c, answer{}, errUnsettled)
		}
	}()
	a, err := run()
	s.settle(rt, r, c, a, err)
	settled = true
	return a, err
}

// errUnsettled stands for an outcome that nobody knows.
var errUnsettled = errors.New("the request ended without an outcome")

func (s *Server) claim(rt *route, r *request, key string) claim {
	now := s.Clock.Now()
	uri := r.x.http.Request.URI()
	path, query := string(uri.PathOriginal()), uri.QueryString()
	c := claim{tenant: r.caller.Tenant, place: core.Place{Tenant: core.DeploymentTenant, Kind: core.KindReplay, Version: 1}}
	if rt.access == accessRegistration {
		c.tenant = core.DeploymentTenant
		key = s.clientAddress(r).String() + " " + key
	} else if rt.underUsers() {
		c.place.Tenant = r.caller.Tenant
	}
	c.IdempotencyClaim = core.IdempotencyClaim{
		Key: digest(rt.method, path, key), Fingerprint: digest(string(query), string(r.body)),
		OpID: s.IDs.Operation(), Now: now,
		LeaseUntil: now.Add(max(core.IdempotencyLease, s.cfg.RequestTimeout+settleTime)), Until: now.Add(core.IdempotencyLife),
	}
	c.place.Record = string(c.tenant) + "/" + hex.EncodeToString(c.Key[:])
	return c
}

// digest hashes its parts so that no two lists of parts hash alike.
func digest(parts ...string) [32]byte {
	h := sha256.New()
	for _, part := range parts {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	return [32]byte(h.Sum(nil))
}

// replay gives the first answer again.
func (s *Server) replay(rt *route, r *request, c claim, sealed []byte, run func() (answer, error)) (answer, error) {
	if rt.reads { // nothing of it was kept
		return run()
	}
	plain, err := s.Sealing.Open(r.ctx, c.place, sealed)
	if err != nil {
		return answer{}, err
	}
	var kept keptAnswer
	if err := json.Unmarshal(plain, &kept); err != nil {
		return answer{}, fmt.Errorf("reading a kept answer: %w", err)
	}
	a := answer{status: kept.Status, etag: kept.ETag, location: kept.Location, mime: kept.Mime, raw: kept.Body}
	if rt.again != nil && kept.Mime == mimeJSON { // not a refusal
		a, err = rt.again(s, r, kept.Body)
	}
	a.replayed = true
	return a, err
}

// settle remembers the answer; or gives the key up, where nothing was done; or
// lets the next request with the key take over under the same operation, where
// something may have been, so that it is not done again.
func (s *Server) settle(rt *route, r *request, c claim, a answer, failed error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), settleTime)
	defer cancel()
	var err error
	switch {
	case failed == nil || rememberedRefusals[core.CodeOf(failed)]:
		if err = s.remember(ctx, rt, r, c, a, failed); err != nil {
			err = errors.Join(err, s.Idempotency.Release(ctx, c.tenant, c.Key, c.OpID))
		}
	case mayHaveHappened(failed):
		err = s.Idempotency.Release(ctx, c.tenant, c.Key, c.OpID)
	default:
		err = s.Idempotency.Abandon(ctx, c.tenant, c.Key, c.OpID)
	}
	s.report(r, "settling an idempotency key", err)
}

// mayHaveHappened reports whether a step of a failed request may be done.
func mayHaveHappened(failed error) bool {
	switch status := statuses[asError(failed).Code]; status {
	case http.StatusLocked, http.StatusConflict:
		return true
	default:
		return status >= http.StatusInternalServerError
	}
}

func (s *Server) remember(ctx context.Context, rt *route, r *request, c claim, a answer, failed error) error {
	plain, err := keep(rt, r, a, failed)
	if err != nil {
		return err
	}
	sealed, err := s.Sealing.Seal(ctx, c.place, plain)
	if err != nil {
		return err
	}
	return s.Idempotency.Complete(ctx, c.tenant, c.Key, c.OpID, sealed)
}

func keep(rt *route, r *request, a answer, failed error) ([]byte, error) {
	if failed != nil {
		e := asError(failed)
		return json.Marshal(keptAnswer{Status: statuses[e.Code], Mime: mimeProblem, Body: newProblem(e, r.x.id).encode()})
	}
	kept := keptAnswer{Status: a.status, ETag: a.etag, Location: a.location}
	body := a.body
	if a.kept != nil {
		body = a.kept
	}
	if body != nil && !rt.reads {
		encoded, err := json.Marshal(body, json.Deterministic(true))
		if err != nil {
			return nil, err
		}
		kept.Mime, kept.Body = mimeJSON, encoded
	}
	return json.Marshal(kept)
}

// report logs a failure that the caller is not told of, because what it asked
// for is done.
func (s *Server) report(r *request, doing string, err error) {
	if err != nil {
		s.Log.WarnContext(r.ctx, "work beside an answer failed", "doing", doing, "request_id", r.x.id, "cause", err.Error())
	}
}
