-- What stands for the entries at the beginning of a log that were dropped: where
-- the log begins now, and the signed note of it. Of several of a tenant the one of
-- the highest seq counts.
CREATE TABLE audit_drops (
	tenant_id  text COLLATE "C" NOT NULL,
	seq        bigint           NOT NULL CHECK (seq > 0),
	chain      bytea            NOT NULL,
	tree       bytea            NOT NULL, -- as in audit_heads
	note       bytea            NOT NULL,
	dropped_at timestamptz      NOT NULL,
	PRIMARY KEY (tenant_id, seq)
);
CREATE TRIGGER raven_audit_rows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_drops
	FOR EACH STATEMENT EXECUTE FUNCTION raven_audit_refuse();

-- raven audit drop is what drops a month now. What the function noted by itself
-- is kept where there is any; no log that it cut can be verified.
DROP FUNCTION raven_audit_drop(date);
DO $$
BEGIN
	IF NOT EXISTS (SELECT FROM audit_dropped) THEN
		DROP TABLE audit_dropped;
	END IF;
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'raven_audit_writer') THEN
		GRANT SELECT, INSERT ON audit_drops TO raven_audit_writer;
	END IF;
END $$;
