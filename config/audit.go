package config

import (
	"net/url"
	"strings"
)

func (c *Config) auditKeys() []Key {
	a := &c.Audit
	return []Key{
		{"audit.backend", AuditStore,
			"Where the audit log is kept: in the store, or in the Postgres of `audit.postgres.url`. A log in the store moves to Postgres after the change; none moves back.",
			choice(&a.Backend, []string{AuditStore, AuditPostgres})},
		{"audit.postgres.url", "",
			"The database, postgres://user:password@host/name?sslmode=verify-full. The server makes its tables itself.",
			secret(&a.Postgres.URL, "an URL that begins with postgres://", isPostgresURL)},
		{"audit.reads", "false",
			"Have every read of memory in the audit log as well: who read, and the ids and scores of what the answer held. It is recorded before the answer is given.",
			boolean(&a.Reads)},
		{"audit.checkpoint_file", "",
			"File that every signed checkpoint of an audit log is appended to, best where who can change the log can't change it: " +
				"`raven audit verify --checkpoint` then finds what was cut or written anew.",
			path(&a.CheckpointFile, true)},
		{"audit.checkpoint_url", "",
			"Where every signed checkpoint is sent, as text: by PUT where the URL has a place for `{size}` (and `{tenant_id}`), as a bucket takes objects, " +
				"else by POST, as a webhook does. While it can't be sent, checkpoints and the trimming of outboxes wait.",
			secret(&a.CheckpointURL, "an http or https URL", isWebURL)},
		{"audit.max_outbox", "1000000",
			"Events of one tenant that may wait for the audit log and webhooks; past it, changes are refused with 503 and nothing is dropped.",
			number(&a.MaxOutbox, 10_000, 1_000_000_000)},
	}
}

func isWebURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

func isPostgresURL(text string) bool {
	scheme, rest, ok := strings.Cut(text, "://")
	return ok && rest != "" && (scheme == "postgres" || scheme == "postgresql")
}

func (c *Config) validateAudit(l *problems) {
	if c.Audit.Backend == AuditPostgres && c.Audit.Postgres.URL == "" {
		l.addCombination("audit.postgres.url", "is missing; audit.backend postgres needs it (RAVEN_AUDIT_POSTGRES_URL or RAVEN_AUDIT_POSTGRES_URL_FILE)")
	}
}
