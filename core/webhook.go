package core

import "time"

// DeliveryStatus says how far the delivery of an event has come.
type DeliveryStatus string

// The states there are.
const (
	DeliveryPending   DeliveryStatus = "pending"
	DeliveryDelivered DeliveryStatus = "delivered"
	DeliveryFailed    DeliveryStatus = "failed" // given up
)

// MaxDeliveriesKept is how many of a tenant's deliveries that ended a log keeps
// at least; the oldest go first. Those that are pending stay. Of the deployment's,
// which are a deleted tenant's last, none is kept that ended.
const MaxDeliveriesKept = 1000

// Delivery is an event on its way to the tenant's webhook.
type Delivery struct {
	ID        DeliveryID
	Event     EventID // also the webhook-id of every attempt
	Type      EventType
	Body      []byte // what is sent: ids and counts, never content
	Status    DeliveryStatus
	Attempts  []DeliveryAttempt
	NextAt    time.Time // of the next attempt, while pending
	CreatedAt time.Time
	Position  int64 // the store's order; set by the store
}

// DeliveryAttempt is one try.
type DeliveryAttempt struct {
	At       time.Time
	Status   int    // HTTP status; 0 when there was no answer
	Error    string // why it failed, in words of Raven's own; "" when it did not
	Duration time.Duration

	// ReplayedAt is when it was asked, after this attempt, for one more; zero when
	// it was not.
	ReplayedAt time.Time
}

// DueDelivery is a delivery that was taken to be sent.
type DueDelivery struct {
	Tenant TenantID
	Delivery
}

// Webhook is where a tenant's events go, and what signs them.
type Webhook struct {
	URL      string          // "" for none
	Disabled bool            // the receiver answered 410; until URL is set again
	Secrets  []WebhookSecret // newest first; those past Until sign no more
}

// WebhookSecret signs deliveries.
type WebhookSecret struct {
	Secret []byte
	Until  time.Time // zero for the newest, which has no end
}
