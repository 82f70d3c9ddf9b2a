package app

import (
	"io"
	"log/slog"

	"github.com/raven-memory/raven/config"
)

// levelNotice is of lines that are logged at every log.level and tell of nothing
// bad: where a server listens, which port 0 lets nobody know otherwise.
const levelNotice = slog.LevelError + 4

// NewLog makes the server's log: one JSON object, or one line of text, a record.
func NewLog(cfg config.Log, out io.Writer) *slog.Logger {
	opt := &slog.HandlerOptions{Level: cfg.Level, ReplaceAttr: nameNotice}
	if cfg.Format == config.LogText {
		return slog.New(slog.NewTextHandler(out, opt))
	}
	return slog.New(slog.NewJSONHandler(out, opt))
}

func nameNotice(_ []string, a slog.Attr) slog.Attr {
	if level, ok := a.Value.Any().(slog.Level); ok && a.Key == slog.LevelKey && level == levelNotice {
		a.Value = slog.StringValue("NOTICE")
	}
	return a
}
