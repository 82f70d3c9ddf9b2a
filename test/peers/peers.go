package main

import (
	"context"
	"strconv"

	"github.com/raven-memory/raven/test/machine"
)

// peers lists who is measured, in the order of the table.
func (w *workshop) peers() []peer {
	list := []peer{{
		name:     "Raven",
		how:      "`raven serve` on its embedded store, over HTTP, everything encrypted at rest and audited; defaults, but no rate limit; no model",
		version:  machine.Commit,
		searches: []string{"search"},
		open:     func(ctx context.Context, dir string) (store, error) { return w.openRaven(ctx, dir, nil) },
	}}
	for _, m := range w.models {
		list = append(list, peer{
			name:     "Raven, " + m.name,
			how:      "the same with vectors of the stand-in (" + m.what + "), which come after the answer; they were waited for before the questions",
			version:  machine.Commit,
			searches: []string{"search"},
			open:     func(ctx context.Context, dir string) (store, error) { return w.openRaven(ctx, dir, m) },
		}, w.mem0(m))
	}
	return append(list, w.mcp(), w.fts(), w.postgres(), w.last())
}

func (w *workshop) mem0(m *model) peer {
	return peer{
		name: "mem0, " + m.name,
		how: "open-source mode, called in its own process without HTTP, `infer: false`, its default store of vectors, which is a SQLite file that lasts, and its history file; " +
			"embeddings by HTTP from the stand-in (" + m.what + "), before the answer; it reads all rows of all users for each search. A real model would find more",
		version:  func() string { return "npm `mem0ai` " + w.installed("mem0ai") },
		searches: []string{"search"},
		open: func(_ context.Context, dir string) (store, error) {
			return w.driver("mem0.mjs", dir, "MEM0_TELEMETRY=false", "MEM0_DIR="+dir,
				"EMBEDDER_URL="+m.url, "EMBEDDER_MODEL="+m.name, "EMBEDDER_DIMENSIONS="+strconv.Itoa(m.dimensions))
		},
	}
}

func (w *workshop) mcp() peer {
	return peer{
		name: "MCP memory server",
		how: "a server and a file for each user, an entity a turn, over stdio, clients at once being calls of its one client at once; it reads and writes the whole file for each turn, so that calls at once undo one another, and does not sync it, so that a power cut is another matter; " +
			"it gives what has the query in it as it stands, unranked: asked with the whole question, and in the second row, kinder, with each of its words that is no stop word, those first that most words found",
		version: func() string {
			return "npm `@modelcontextprotocol/server-memory` " + w.installed("@modelcontextprotocol/server-memory")
		},
		searches: []string{"search", "keywords"},
		open:     func(_ context.Context, dir string) (store, error) { return w.driver("mcp.mjs", dir) },
	}
}

func (w *workshop) fts() peer {
	return peer{
		name:     "SQLite FTS5",
		how:      "a table a user, `porter`, any of the question's words by `bm25()`; a commit a turn, `synchronous=FULL`, WAL; in a process of its own behind a pipe; plaintext",
		version:  func() string { return "`modernc.org/sqlite` " + linked("modernc.org/sqlite") },
		searches: []string{"search"},
		open:     func(_ context.Context, dir string) (store, error) { return w.self("fts", dir) },
	}
}

func (w *workshop) postgres() peer {
	p := &postgresPeer{started: map[string]*postgres{}, clients: w.clients}
	w.stops = append(w.stops, p.end)
	return peer{
		name:     "PostgreSQL full text",
		how:      "`tsvector` with a GIN index, `english`, any of the question's words by `ts_rank_cd`; a commit a turn, `fsync=on`, over TCP; bytes are of the table with its indexes, without the WAL; plaintext",
		version:  func() string { return p.version },
		searches: []string{"search"},
		open:     p.open,
	}
}

func (w *workshop) last() peer {
	return peer{
		name:     "the last fifty turns",
		how:      "a file of lines a user, synced for each turn; the answer is its end, whatever is asked; the floor of storing",
		version:  func() string { return "" },
		searches: []string{"search"},
		open:     func(_ context.Context, dir string) (store, error) { return w.self("last", dir) },
	}
}
