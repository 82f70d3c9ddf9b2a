-- One row an event. The primary key can't hold seq unique by itself, because a
-- unique index over partitions has to have what they are cut by; the row of
-- audit_heads, which every append has to move on, does.
CREATE TABLE audit_events (
	tenant_id text COLLATE "C" NOT NULL,
	seq       bigint           NOT NULL,
	event_id  text COLLATE "C" NOT NULL,
	type      text COLLATE "C" NOT NULL,
	at        timestamptz      NOT NULL,
	actor     text COLLATE "C" NOT NULL, -- an API key's id; '' for the system
	data      text COLLATE "C" NOT NULL, -- JSON, as it is hashed again
	leaf      bytea            NOT NULL, -- RFC 6962 hash of the event
	chain     bytea            NOT NULL, -- over the chain hash before, and leaf
	added_at  timestamptz      NOT NULL, -- the one column that no hash covers
	PRIMARY KEY (tenant_id, seq, at)
) PARTITION BY RANGE (at);

-- The end of each tenant's log.
CREATE TABLE audit_heads (
	tenant_id text COLLATE "C" PRIMARY KEY,
	seq       bigint NOT NULL CHECK (seq > 0),
	chain     bytea  NOT NULL,
	tree      bytea  NOT NULL -- hashes of 32 bytes, one after the other
);

CREATE TABLE audit_checkpoints (
	id        bigint GENERATED ALWAYS AS IDENTITY,
	tenant_id text COLLATE "C" NOT NULL,
	seq       bigint           NOT NULL,
	note      bytea            NOT NULL,
	at        timestamptz      NOT NULL,
	PRIMARY KEY (tenant_id, seq, id)
);

-- What was dropped for its age.
CREATE TABLE audit_dropped (
	tenant_id  text COLLATE "C" NOT NULL,
	month      date             NOT NULL,
	first_seq  bigint           NOT NULL,
	last_seq   bigint           NOT NULL,
	chain      bytea            NOT NULL, -- that of last_seq
	dropped_at timestamptz      NOT NULL DEFAULT now(),
	PRIMARY KEY (tenant_id, month, dropped_at)
);

CREATE FUNCTION raven_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'the audit log only grows: % of % is refused', TG_OP, TG_TABLE_NAME
		USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE FUNCTION raven_audit_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.tenant_id <> OLD.tenant_id OR NEW.seq <= OLD.seq THEN
		RAISE EXCEPTION 'the end of an audit log only moves on' USING ERRCODE = 'insufficient_privilege';
	END IF;
	RETURN NEW;
END $$;

-- Partitions get the triggers of rows by themselves, and that of TRUNCATE from
-- raven_audit_partition.
CREATE TRIGGER raven_audit_rows BEFORE UPDATE OR DELETE ON audit_events
	FOR EACH ROW EXECUTE FUNCTION raven_audit_refuse();
CREATE TRIGGER raven_audit_truncate BEFORE TRUNCATE ON audit_events
	FOR EACH STATEMENT EXECUTE FUNCTION raven_audit_refuse();

CREATE TRIGGER raven_audit_heads BEFORE UPDATE ON audit_heads
	FOR EACH ROW EXECUTE FUNCTION raven_audit_forward();
CREATE TRIGGER raven_audit_rows BEFORE DELETE OR TRUNCATE ON audit_heads
	FOR EACH STATEMENT EXECUTE FUNCTION raven_audit_refuse();

CREATE TRIGGER raven_audit_rows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoints
	FOR EACH STATEMENT EXECUTE FUNCTION raven_audit_refuse();
CREATE TRIGGER raven_audit_rows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_dropped
	FOR EACH STATEMENT EXECUTE FUNCTION raven_audit_refuse();

-- raven_audit_partition makes the partition of the month that the day is in.
-- It runs as who owns the tables, so that the role that inserts need not. The
-- partition is made apart and attached, which does not hold up inserts.
CREATE FUNCTION raven_audit_partition(day date) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
	first date := date_trunc('month', day::timestamp)::date;
	next  date := (first + interval '1 month')::date;
	name  text := 'audit_events_' || to_char(first, 'YYYY_MM');
BEGIN
	IF day NOT BETWEEN '1970-01-01' AND '9999-11-30' THEN
		RAISE EXCEPTION 'no event is of %', day USING ERRCODE = 'datetime_field_overflow';
	END IF;
	IF to_regclass(name) IS NOT NULL THEN
		RETURN;
	END IF;
	-- One at a time; and after a lock on a table, what others made is seen.
	LOCK TABLE audit_events IN SHARE UPDATE EXCLUSIVE MODE;
	IF to_regclass(name) IS NOT NULL THEN
		RETURN;
	END IF;
	EXECUTE format('CREATE TABLE %I (LIKE audit_events INCLUDING ALL)', name);
	EXECUTE format('CREATE TRIGGER raven_audit_truncate BEFORE TRUNCATE ON %I '
		'FOR EACH STATEMENT EXECUTE FUNCTION raven_audit_refuse()', name);
	EXECUTE format('ALTER TABLE audit_events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
		name, first || ' 00:00:00+00', next || ' 00:00:00+00');
END $$;

-- raven_audit_drop drops the partition of the month that the day is in, and
-- notes what was in it. It refuses a month that is not over, and one with an
-- event that no checkpoint covers.
CREATE FUNCTION raven_audit_drop(day date) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	first date := date_trunc('month', day::timestamp)::date;
	name  text := 'audit_events_' || to_char(first, 'YYYY_MM');
	rows  bigint;
BEGIN
	IF first + interval '1 month' > now() AT TIME ZONE 'UTC' THEN
		RAISE EXCEPTION 'the month of % is not over', first;
	END IF;
	IF to_regclass(name) IS NULL THEN
		RAISE EXCEPTION 'there is no partition %', name;
	END IF;
	EXECUTE format('LOCK TABLE %I IN SHARE MODE', name);
	EXECUTE format($q$
		INSERT INTO audit_dropped (tenant_id, month, first_seq, last_seq, chain)
		SELECT tenant_id, %L, min(seq), max(seq), (array_agg(chain ORDER BY seq DESC))[1] FROM %I GROUP BY tenant_id
	$q$, first, name);
	IF EXISTS (
		SELECT FROM audit_dropped d WHERE d.month = first AND d.dropped_at = now() AND d.last_seq >
			(SELECT coalesce(max(seq), 0) FROM audit_checkpoints c WHERE c.tenant_id = d.tenant_id)
	) THEN
		RAISE EXCEPTION 'the month of % has events that no checkpoint covers yet', first;
	END IF;
	EXECUTE format('SELECT count(*) FROM %I', name) INTO rows;
	EXECUTE format('ALTER TABLE audit_events DETACH PARTITION %I', name);
	EXECUTE format('DROP TABLE %I', name);
	RETURN rows;
END $$;

REVOKE EXECUTE ON FUNCTION raven_audit_partition(date), raven_audit_drop(date) FROM PUBLIC;

-- What runs as somebody else takes names from this schema alone.
DO $$
BEGIN
	EXECUTE format('ALTER FUNCTION raven_audit_partition(date) SET search_path = %I, pg_temp', current_schema());
	EXECUTE format('ALTER FUNCTION raven_audit_drop(date) SET search_path = %I, pg_temp', current_schema());
END $$;
