package fiberhttp

import (
	"net/http"
	"time"

	"github.com/raven-memory/raven/core"
)

func webhookRoutes() []route {
	const webhook = api + "/tenant/webhook"
	return []route{
		{method: http.MethodPost, path: webhook + "/secret", name: "createWebhookSecret", group: "Webhooks", access: accessKey, scopes: core.ScopeTenantAdmin,
			summary: "Make a new secret that signs deliveries", endpoint: takes((*Server).createWebhookSecret),
			about: "Deliveries are signed as Standard Webhooks has it: webhook-id, webhook-timestamp and webhook-signature. " +
				"The secret before signs along for 24 hours. Without a secret nothing is delivered. " +
				"A replay has no secret, as that is never kept.",
			answers: []result{gives[webhookSecretJSON](http.StatusCreated, "The secret, shown this once.")},
			codes:   []core.Code{core.CodeVersionConflict}},
		{method: http.MethodPost, path: webhook + "/test", name: "testWebhook", group: "Webhooks", access: accessKey, scopes: core.ScopeTenantAdmin,
			summary: "Send a test event", endpoint: takes((*Server).testWebhook),
			about:   "An event webhook.test, without a seq, that is in no audit log. What becomes of it is in the log of deliveries.",
			answers: []result{gives[deliveryJSON](http.StatusAccepted, "Its delivery.")}},
		{method: http.MethodGet, path: webhook + "/deliveries", name: "listDeliveries", group: "Webhooks", access: accessKey, scopes: core.ScopeTenantAdmin,
			summary: "List deliveries", endpoint: asks((*Server).listDeliveries), query: paged,
			about:   "A delivery that fails is tried again for about three days. Those that ended are kept for a while, a thousand at least.",
			answers: []result{gives[list[deliveryJSON]](http.StatusOK, "Newest first.")}},
		{method: http.MethodPost, path: webhook + "/deliveries/{delivery_id}/replay", name: "replayDelivery", group: "Webhooks", access: accessKey, scopes: core.ScopeTenantAdmin,
			summary: "Deliver once more", endpoint: takes((*Server).replayDelivery),
			about:   "At once, whatever became of the delivery before. Its webhook-id stays, so that the receiver knows what it has.",
			answers: []result{gives[deliveryJSON](http.StatusAccepted, "The delivery.")}, codes: []core.Code{core.CodeNotFound}},
	}
}

type webhookSecretJSON struct {
	Secret            string   `json:"secret,omitzero" doc:"whsec_ and base64. It is shown this once, and not in a replayed answer."`
	PreviousExpiresAt *instant `json:"previous_expires_at" nullable:"true" doc:"When the secret before signs no more; null for the first."`
}

type deliveryJSON struct {
	ID            string                `json:"id"`
	EventID       string                `json:"event_id" doc:"Also the webhook-id."`
	EventType     string                `json:"event_type"`
	Status        string                `json:"status" enum:"pending,delivered,failed" doc:"Failed ones are not tried again."`
	Attempts      []deliveryAttemptJSON `json:"attempts" doc:"The last twenty, oldest first."`
	NextAttemptAt *instant              `json:"next_attempt_at" nullable:"true" doc:"While it is pending."`
}

type deliveryAttemptJSON struct {
	At             instant `json:"at"`
	ResponseStatus *int64  `json:"response_status" nullable:"true" doc:"The HTTP status; null when there was no answer."`
	Error          *string `json:"error" nullable:"true" doc:"Why it failed; null when it did not."`
	DurationMS     int64   `json:"duration_ms"`
}

// setOrNil writes a time that is zero for none.
func setOrNil(t time.Time) *instant {
	if t.IsZero() {
		return nil
	}
	return timeOrNil(&t)
}

func deliveryToJSON(d core.Delivery) deliveryJSON {
	out := deliveryJSON{
		ID: string(d.ID), EventID: string(d.Event), EventType: string(d.Type), Status: string(d.Status),
		Attempts: make([]deliveryAttemptJSON, 0, len(d.Attempts)),
	}
	if d.Status == core.DeliveryPending {
		out.NextAttemptAt = setOrNil(d.NextAt)
	}
	for _, a := range d.Attempts {
		attempt := deliveryAttemptJSON{At: instant(a.At), Error: orNil(a.Error), DurationMS: a.Duration.Milliseconds()}
		if a.Status != 0 {
			status := int64(a.Status)
			attempt.ResponseStatus = &status
		}
		out.Attempts = append(out.Attempts, attempt)
	}
	return out
}

// createWebhookSecret shows the secret once: what is kept for a replay has none.
func (s *Server) createWebhookSecret(r *request, _ noBody) (answer, error) {
	secret, previousUntil, err := s.Webhooks.NewSecret(r.ctx, r.caller, r.op)
	out := webhookSecretJSON{Secret: secret, PreviousExpiresAt: setOrNil(previousUntil)}
	kept := out
	kept.Secret = ""
	return answer{status: http.StatusCreated, body: out, kept: kept}, err
}

func (s *Server) testWebhook(r *request, _ noBody) (answer, error) {
	d, err := s.Webhooks.Test(r.ctx, r.caller, r.op)
	return answer{status: http.StatusAccepted, body: deliveryToJSON(d)}, err
}

func (s *Server) listDeliveries(r *request) (answer, error) {
	cursor, _ := r.query.text("cursor")
	page, err := s.Webhooks.Log(r.ctx, r.caller, cursor, r.query.limit())
	return answer{status: http.StatusOK, body: listOf(page, deliveryToJSON)}, err
}

func (s *Server) replayDelivery(r *request, _ noBody) (answer, error) {
	id, err := validID(core.DeliveryID(r.path[pathDelivery]))
	if err != nil {
		return answer{}, err
	}
	d, err := s.Webhooks.Replay(r.ctx, r.caller, id)
	return answer{status: http.StatusAccepted, body: deliveryToJSON(d)}, err
}
