package ports

// Store is every port that a store has, for what opens, wraps or tests a whole
// one. A service asks for no more of it than it needs.
type Store interface {
	Tenants
	APIKeys
	Users
	Conversations
	Buffer
	Memories
	Forgetting
	Changes
	Facts
	Derived
	Idempotency
	Outbox
	Recorder
	Relaying
	Leases
	AuditLog
	Deliveries
	DataKeys
	KeyRotation
	Health
}
