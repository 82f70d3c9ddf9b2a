-- The role that Raven adds to the audit log as. Run it as the owner of the
-- tables, after Raven has made them, with their schema first in search_path; it
-- may be run again. README.md says more.

DO $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'raven_audit_writer') THEN
		CREATE ROLE raven_audit_writer NOLOGIN;
	END IF;
	EXECUTE format('GRANT USAGE ON SCHEMA %I TO raven_audit_writer', current_schema());
END $$;

GRANT SELECT, INSERT ON audit_events, audit_checkpoints TO raven_audit_writer;
GRANT SELECT, INSERT, UPDATE ON audit_heads TO raven_audit_writer; -- forward only, by a trigger
GRANT SELECT, INSERT ON audit_drops TO raven_audit_writer; -- what it adds is no proof: the note is signed
GRANT SELECT ON audit_schema TO raven_audit_writer;
GRANT EXECUTE ON FUNCTION raven_audit_partition(date) TO raven_audit_writer;
