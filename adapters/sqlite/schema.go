package sqlite

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrations are the steps from an empty database to the schema of today. The
// file names begin with 0001, 0002, …: the version that each leads to.
func migrations() []string {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql") // sorted
	if err != nil {
		panic(err) // the pattern is fixed
	}
	scripts := make([]string, 0, len(names))
	for _, name := range names {
		script, err := migrationFiles.ReadFile(name)
		if err != nil {
			panic(err) // it is embedded
		}
		scripts = append(scripts, string(script))
	}
	return scripts
}

// migrate brings the database to the schema that the scripts lead to, each
// script in a transaction of its own. dir is for messages.
func migrate(ctx context.Context, conn *conn, scripts []string, dir string) error {
	var version int
	if err := conn.session(ctx).get("PRAGMA user_version", nil, &version); err != nil {
		return fmt.Errorf("sqlite: schema version of %s: %w", dir, err)
	}
	if version > len(scripts) {
		return fmt.Errorf("sqlite: the store in %s has schema version %d, and this raven knows up to %d: run the newer raven that wrote it",
			dir, version, len(scripts))
	}
	for ; version < len(scripts); version++ {
		if err := runMigration(ctx, conn, scripts[version], version+1); err != nil {
			return fmt.Errorf("sqlite: migration of %s to schema version %d: %w", dir, version+1, err)
		}
	}
	return nil
}

func runMigration(ctx context.Context, conn *conn, script string, version int) error {
	if err := conn.script(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	for _, part := range []string{script, fmt.Sprintf("PRAGMA user_version = %d", version), "COMMIT"} {
		if err := conn.script(ctx, part); err != nil {
			return errors.Join(err, conn.script(context.WithoutCancel(ctx), "ROLLBACK"))
		}
	}
	return nil
}
