package redis_test

import (
	"bufio"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/raven-memory/raven/adapters/redis"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/test/backend"
)

func TestScriptsAreLoadedAgainAfterAFlush(t *testing.T) {
	t.Parallel()
	server := backend.Redis(t)
	s := open(t, redis.Options{URL: server.URL()})
	l := live(t, s)
	flush := func() { command(t, server.URL(), "SCRIPT", "FLUSH") }
	flush()
	w := l.MustCreateUser(l.MustCreateTenant().ID)
	if w.Version != 1 {
		t.Errorf("got %+v", w)
	}
	flush() // what is repeated, and what only reads
	if err := s.TouchAPIKeys(l.Ctx, []core.KeyUse{{Tenant: l.tenant, Key: l.key.ID, At: l.Now()}}); err != nil {
		t.Error(err)
	}
	flush()
	if _, err := s.Stretch(l.Ctx, l.tenant, l.user, l.talk, core.Window{Limit: 5}); err != nil {
		t.Error(err)
	}
}

// On a Cluster a script may touch the keys that it names and no others. A
// server on its own lets it; it tells all the same what was touched.
func TestScriptsTouchOnlyTheKeysTheyName(t *testing.T) {
	t.Parallel()
	server := backend.Redis(t)
	commands := monitor(t, server.Addr())
	s := open(t, redis.Options{URL: server.URL()})
	l := live(t, s)
	begun := l.Op()
	l.ok(s.Claim(l.Ctx, begun, l.MakeTenant()))
	_, err := s.CreateTenant(l.Ctx, begun, l.MakeTenant())
	l.ok(err)
	l.end()
	if _, err := l.SweepOperations(l.Ctx, l.Now().AddDate(1, 0, 0), 1000); err != nil {
		t.Fatal(err)
	}
	l.vanish()
	command(t, server.URL(), "ECHO", "the end")
	left := redis.Scripts()
	var named []string
	for words := range commands {
		if words[1] == "ECHO" && words[2] == "the end" {
			break
		}
		switch {
		case words[1] == "evalsha", words[1] == "eval":
			n, err := strconv.Atoi(words[3])
			if err != nil {
				t.Fatal(err)
			}
			named = words[4 : 4+n]
			delete(left, words[2])
		case words[0] == "lua":
			for _, key := range keysOf(words[1:]) {
				if !slices.Contains(named, key) {
					t.Errorf("a script that names %q does %q", named, words[1:])
				}
			}
		}
	}
	for _, name := range left {
		t.Errorf("the test does not run the script %s", name)
	}
}

// keysOf are the keys that a command names.
func keysOf(words []string) []string {
	switch strings.ToUpper(words[0]) {
	case "TIME":
		return nil
	case "EXISTS", "DEL", "UNLINK":
		return words[1:]
	case "ZUNIONSTORE":
		n, _ := strconv.Atoi(words[2])
		return append(slices.Clone(words[3:3+n]), words[1])
	default:
		return words[1:2]
	}
}

// monitor gives what a server does, command by command: first who asks for it,
// "lua" for a script, then its words.
func monitor(t *testing.T, addr string) <-chan []string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	lines := bufio.NewReaderSize(conn, 1<<20)
	if _, err := conn.Write([]byte("MONITOR\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := lines.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	commands := make(chan []string, 100_000)
	go func() {
		defer close(commands)
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			commands <- monitored(line)
		}
	}()
	return commands
}

// monitored reads a line like: +1606.1 [0 127.0.0.1:3] "GET" "a\"b".
func monitored(line string) []string {
	_, rest, _ := strings.Cut(line, "[")
	source, rest, _ := strings.Cut(rest, "] ")
	_, who, _ := strings.Cut(source, " ")
	words := []string{who}
	for rest = strings.TrimSpace(rest); rest != ""; rest = strings.TrimLeft(rest, " ") {
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			break
		}
		rest = rest[len(quoted):]
		word, err := strconv.Unquote(quoted)
		if err != nil {
			word = quoted
		}
		words = append(words, word)
	}
	return words
}
