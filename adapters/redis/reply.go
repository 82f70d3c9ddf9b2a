package redis

import (
	"strconv"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// fields are those of a hash. What is not there, or is no number, is 0.
type fields map[string]string

// pairs reads names and values in turns.
func pairs(flat []string) fields {
	f := make(fields, len(flat)/2)
	for i := 0; i+1 < len(flat); i += 2 {
		f[flat[i]] = flat[i+1]
	}
	return f
}

func (f fields) int(name string) int64 { return number(f[name]) }

func (f fields) time(name string) time.Time { return timeOf(f.int(name)) }

// maybeTime is nil where there is none.
func (f fields) maybeTime(name string) *time.Time {
	if f[name] == "" {
		return nil
	}
	t := f.time(name)
	return &t
}

func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func timeOf(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// some reads the fields that HMGET was asked for.
func some(cmd *goredis.SliceCmd, names ...string) fields {
	f := make(fields, len(names))
	for i, v := range cmd.Val() {
		if text, ok := v.(string); ok && i < len(names) {
			f[names[i]] = text
		}
	}
	return f
}
