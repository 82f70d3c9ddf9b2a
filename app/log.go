package app

import (
	"io"
	"log/slog"

	"github.com/raven-memory/raven/config"
)

// NewLog makes the server's log: one JSON object, or one line of text, a record.
func NewLog(cfg config.Log, out io.Writer) *slog.Logger {
	opt := &slog.HandlerOptions{Level: cfg.Level}
	if cfg.Format == config.LogText {
		return slog.New(slog.NewTextHandler(out, opt))
	}
	return slog.New(slog.NewJSONHandler(out, opt))
}
