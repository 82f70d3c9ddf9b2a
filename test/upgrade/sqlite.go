package upgrade

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"strings"

	_ "modernc.org/sqlite" // the driver
)

// readSchema gives the version of a database's schema.
func readSchema(ctx context.Context, db *sql.DB) (version int, err error) {
	err = db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
	return version, err
}

// dumpSQL writes a database as the statements that make it.
func dumpSQL(ctx context.Context, db *sql.DB, to io.Writer) error {
	version, err := readSchema(ctx, db)
	if err != nil {
		return err
	}
	fmt.Fprintf(to, "PRAGMA user_version = %d;\n", version)
	tables, err := texts(ctx, db, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid`)
	if err != nil {
		return err
	}
	made, err := texts(ctx, db, `SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY type = 'trigger', type = 'index', rowid`)
	if err != nil {
		return err
	}
	for _, statement := range made {
		fmt.Fprintf(to, "%s;\n", statement)
	}
	for _, table := range tables {
		columns, err := texts(ctx, db, fmt.Sprintf(`SELECT 'quote("' || name || '")' FROM pragma_table_info('%s')`, table))
		if err != nil {
			return err
		}
		rows, err := texts(ctx, db, fmt.Sprintf(`SELECT %s FROM %q`, strings.Join(columns, ` || ',' || `), table))
		if err != nil {
			return err
		}
		for _, row := range rows {
			fmt.Fprintf(to, "INSERT INTO %q VALUES (%s);\n", table, row)
		}
	}
	return nil
}

// texts runs a query of one column.
func texts(ctx context.Context, db *sql.DB, query string) (list []string, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	return list, rows.Err()
}
