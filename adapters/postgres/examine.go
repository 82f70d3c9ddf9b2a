package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/raven-memory/raven/core"
)

const mostSkew = 2 * time.Second

// Examine looks at the server, at what the role may do, and at what the log
// needs there. It changes nothing, and may be run beside servers that use it.
func Examine(ctx context.Context, opt Options) (found core.Findings) {
	cfg, err := poolConfig(opt)
	if err != nil {
		found.Fail("postgres: URL", err.Error(), "correct audit.postgres.url")
		return found
	}
	conn, err := pgx.ConnectConfig(ctx, cfg.ConnConfig)
	if err != nil {
		mend := "start Postgres, or correct audit.postgres.url; events wait meanwhile"
		if !unreachable(translate(ctx, err)) {
			mend = "correct the role, its password and the database in audit.postgres.url"
		}
		found.Fail("postgres: reachable", publicly(err), mend)
		return found
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing was written
	found.OK("postgres: reachable", fmt.Sprintf("%s, database %s, as %s", conn.Config().Host, conn.Config().Database, conn.Config().User))
	e := &examination{conn: conn, found: &found}
	e.server(ctx, int64(cfg.MaxConns))
	if e.schema(ctx) {
		e.role(ctx)
		e.triggers(ctx)
		e.partitions(ctx)
	}
	if conn.Config().TLSConfig == nil && !strings.HasPrefix(conn.Config().Host, "/") && conn.Config().Host != "localhost" && !strings.HasPrefix(conn.Config().Host, "127.") {
		found.Warn("postgres: TLS", "the connection is in the clear", "sslmode=verify-full in audit.postgres.url")
	}
	return found
}

// publicly leaves out of an error what the connection's settings say.
func publicly(err error) string {
	var failed *pgconn.ConnectError
	if errors.As(err, &failed) {
		return failed.Unwrap().Error()
	}
	return err.Error()
}

// examination is one on its way.
type examination struct {
	conn  *pgx.Conn
	found *core.Findings
}

func (e *examination) server(ctx context.Context, conns int64) {
	var version, limit, roleLimit, used int64
	var fsync string
	var now time.Time
	before := time.Now()
	err := e.conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::bigint, current_setting('max_connections')::bigint,
		current_setting('fsync'), clock_timestamp(), (SELECT rolconnlimit::bigint FROM pg_roles WHERE rolname = current_user),
		(SELECT count(*) FROM pg_stat_activity WHERE usename = current_user)`).Scan(&version, &limit, &fsync, &now, &roleLimit, &used)
	if err != nil {
		e.found.Fail("postgres: server", err.Error(), "")
		return
	}
	if version < oldestServer {
		e.found.Fail("postgres: version", fmt.Sprint(version/10000), fmt.Sprintf("upgrade to PostgreSQL %d or later", oldestServer/10000))
	} else {
		e.found.OK("postgres: version", fmt.Sprintf("%d.%d", version/10000, version%10000))
	}
	if roleLimit >= 0 {
		limit = min(limit, roleLimit)
	}
	if limit < conns {
		e.found.Fail("postgres: connections", fmt.Sprintf("%d are allowed, and each server may open %d", limit, conns), "raise max_connections or the role's CONNECTION LIMIT")
	} else {
		e.found.OK("postgres: connections", fmt.Sprintf("%d are allowed, %d open as this role; each server may open %d", limit, used, conns))
	}
	if fsync != "on" {
		e.found.Fail("postgres: durability", "fsync is "+fsync+": a crash may lose or damage the audit log", "set fsync to on")
	} else {
		e.found.OK("postgres: durability", "fsync is on")
	}
	if skew := now.Sub(before).Abs() - time.Since(before); skew > mostSkew {
		e.found.Warn("postgres: clock", fmt.Sprintf("it is %v off this machine's", skew.Round(time.Millisecond)), "run an NTP client on both")
	} else {
		e.found.OK("postgres: clock", "it agrees with this machine's")
	}
}

func (e *examination) schema(ctx context.Context) (there bool) {
	var table *string
	if err := e.conn.QueryRow(ctx, `SELECT to_regclass('audit_schema')::text`).Scan(&table); err != nil || table == nil {
		e.found.Warn("postgres: schema", "the tables are not there yet", "start raven once as a role that may make them, then deploy/postgres/roles.sql; or correct search_path")
		return false
	}
	var version int64
	if err := e.conn.QueryRow(ctx, `SELECT max(version)::bigint FROM audit_schema`).Scan(&version); err != nil {
		e.found.Fail("postgres: schema", err.Error(), "grant the role what deploy/postgres/roles.sql grants")
		return false
	}
	switch known := int64(len(migrations())); {
	case version > known:
		e.found.Fail("postgres: schema", fmt.Sprintf("version %d, and this raven knows up to %d", version, known), "run the newer raven")
	case version < known:
		e.found.Warn("postgres: schema", fmt.Sprintf("version %d; this raven needs %d", version, known), "run raven audit init as the owner of the tables, then deploy/postgres/roles.sql")
	default:
		e.found.OK("postgres: schema", fmt.Sprintf("version %d", version))
	}
	return true
}

func (e *examination) role(ctx context.Context) {
	var insert, harm, super bool
	err := e.conn.QueryRow(ctx, `SELECT has_table_privilege('audit_events', 'SELECT') AND has_table_privilege('audit_events', 'INSERT')
			AND has_table_privilege('audit_heads', 'SELECT, INSERT') AND has_table_privilege('audit_checkpoints', 'INSERT'),
		has_table_privilege('audit_events', 'UPDATE') OR has_table_privilege('audit_events', 'DELETE') OR has_table_privilege('audit_events', 'TRUNCATE')
			OR pg_has_role((SELECT relowner FROM pg_class WHERE oid = 'audit_events'::regclass), 'MEMBER'),
		(SELECT rolsuper FROM pg_roles WHERE rolname = current_user)`).Scan(&insert, &harm, &super)
	switch {
	case err != nil:
		e.found.Fail("postgres: role", err.Error(), "")
	case !insert:
		e.found.Fail("postgres: role", "it may not add to the log", "run deploy/postgres/roles.sql as the owner, and grant raven_audit_writer to the role")
	case super || harm:
		e.found.Warn("postgres: role", "it may change or remove what is in the log", "connect as a role that has raven_audit_writer alone (deploy/postgres/roles.sql)")
	default:
		e.found.OK("postgres: role", "it may add to the log, and nothing else")
	}
}

func (e *examination) triggers(ctx context.Context) {
	var missing []string
	for _, table := range []string{"audit_events", "audit_heads"} {
		var on int64
		err := e.conn.QueryRow(ctx, `SELECT count(*) FROM pg_trigger WHERE tgrelid = $1::regclass AND NOT tgisinternal AND tgenabled IN ('O', 'A')`, table).Scan(&on)
		if err != nil || on == 0 {
			missing = append(missing, table)
		}
	}
	if len(missing) > 0 {
		e.found.Fail("postgres: triggers", "nothing refuses changes of "+strings.Join(missing, " and "), "ALTER TABLE … ENABLE TRIGGER ALL as the owner; raven audit verify says whether something was changed")
		return
	}
	e.found.OK("postgres: triggers", "changes of what is logged are refused")
}

func (e *examination) partitions(ctx context.Context) {
	var missing []string
	for _, m := range ahead(monthOf(time.Now())) {
		var there bool
		err := e.conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
			WHERE i.inhparent = 'audit_events'::regclass AND pg_get_expr(c.relpartbound, c.oid) LIKE '%FROM (''' || $1 || '%')`,
			m.first().Format(time.DateOnly)).Scan(&there)
		if err != nil {
			e.found.Fail("postgres: partitions", err.Error(), "")
			return
		}
		if !there {
			missing = append(missing, m.first().Format("2006-01"))
		}
	}
	if len(missing) > 0 {
		e.found.Warn("postgres: partitions", "there are none for "+strings.Join(missing, ", "), "a running raven makes them; let its role execute raven_audit_partition")
		return
	}
	e.found.OK("postgres: partitions", "they are made for this month and those to come")
}
