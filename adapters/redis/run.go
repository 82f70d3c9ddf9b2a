package redis

import (
	"context"
	"fmt"
	"slices"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// command is one that the driver never runs a second time by itself.
type command struct{ *goredis.Cmd }

// NoRetry implements goredis.Cmder.
func (command) NoRetry() bool { return true }

// call is a script with what it is run on.
type call struct {
	script *script
	keys   []string
	args   []any
}

// words are the command that runs the script by its name, or by its text where
// the server does not know it. A step also gets how much an outbox may hold.
func (s *Store) words(c call, verb, script string) []any {
	words := make([]any, 0, 4+len(c.keys)+len(c.args))
	words = append(words, verb, script, len(c.keys))
	for _, key := range c.keys {
		words = append(words, key)
	}
	words = append(words, c.args...)
	if c.script.step {
		words = append(words, s.maxOutbox)
	}
	return words
}

// outcome is a script's answer after the word that says how it ended.
type outcome []string

// run runs a script once, waits until what it wrote is as safe as the options
// ask, and gives its answer back. Its errors are translated. Who waits for events
// is told of those that the script recorded.
func (s *Store) run(ctx context.Context, script *script, keys []string, args ...any) (outcome, error) {
	if !script.records {
		answer, _, err := s.runOnce(ctx, call{script, keys, args})
		return answer, err
	}
	owner := ownerOfKey(keys[0])
	if err := s.listOutbox(ctx, owner); err != nil {
		return nil, err
	}
	answer, recorded, err := s.runOnce(ctx, call{script, keys, args})
	if recorded || err != nil && !refusal(ctx, err) {
		s.events(owner)
	}
	return answer, err
}

func (s *Store) runOnce(ctx context.Context, c call) (answer outcome, recorded bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, s.failed(ctx, err)
	}
	script, keys := c.script, c.keys
	cmd := command{goredis.NewCmd(ctx, s.words(c, "evalsha", script.sha)...)}
	err = s.send(ctx, keys[0], cmd)
	if hasWords(err, "NOSCRIPT") { // it did not run; by its text it does, and is known from then on
		cmd = command{goredis.NewCmd(ctx, s.words(c, "eval", script.text)...)}
		err = s.send(ctx, keys[0], cmd)
	}
	if err != nil {
		return nil, false, s.failed(ctx, err)
	}
	return decode(cmd.Cmd)
}

// send runs a command once on the server that has the key, in one round trip with
// what others send there.
func (s *Store) send(ctx context.Context, key string, cmd command) error {
	for range redirects {
		node, err := s.nodeOf(ctx, key)
		switch {
		case err != nil && s.wait.asked():
			return err
		case err != nil: // the client of a Cluster may find it yet
			return s.once.Process(ctx, cmd)
		}
		if weight(cmd.Args()) > laneBytes {
			s.trip(ctx, node, []goredis.Cmder{cmd})
		} else if err := s.writing(node).ride(ctx, cmd); err != nil {
			return err
		}
		if err = cmd.Err(); !hasWords(err, "MOVED") && !hasWords(err, "ASK") {
			return err
		}
		cmd.SetErr(nil) // it did not run there
		if !s.wait.asked() {
			return s.once.Process(ctx, cmd)
		}
		if err := s.lookAnew(ctx); err != nil {
			return err
		}
	}
	return fmt.Errorf("the slot's node is not found in %d redirections", redirects)
}

// query runs a script that only reads, again if its reply is lost.
func (s *Store) query(ctx context.Context, script *script, keys []string, args ...any) (outcome, error) {
	c := call{script, keys, args}
	replies, err := s.repeat(ctx, []call{c})
	if err != nil {
		return nil, err
	}
	return replies[0], nil
}

// repeat runs scripts that may be run again, in one round trip, and gives their
// answers back.
func (s *Store) repeat(ctx context.Context, calls []call) ([]outcome, error) {
	return s.repeatAll(ctx, calls, false)
}

// repeatSome is repeat where the answer of a script that finds nothing is empty.
func (s *Store) repeatSome(ctx context.Context, calls []call) ([]outcome, error) {
	return s.repeatAll(ctx, calls, true)
}

func (s *Store) repeatAll(ctx context.Context, calls []call, some bool) ([]outcome, error) {
	if err := ctx.Err(); err != nil {
		return nil, s.failed(ctx, err)
	}
	cmds := make([]*goredis.Cmd, len(calls))
	todo := make([]int, len(calls))
	for i := range calls {
		todo[i] = i
	}
	for _, known := range []bool{true, false} { // whether the server is taken to know the script
		_, err := s.again.Pipelined(ctx, func(p goredis.Pipeliner) error {
			for _, i := range todo {
				verb, text := "evalsha", calls[i].script.sha
				if !known {
					verb, text = "eval", calls[i].script.text
				}
				cmds[i] = p.Do(ctx, s.words(calls[i], verb, text)...)
			}
			return nil
		})
		todo = slices.DeleteFunc(todo, func(i int) bool { return !hasWords(cmds[i].Err(), "NOSCRIPT") })
		if err == nil || len(todo) == 0 {
			break
		}
	}
	outcomes := make([]outcome, len(calls))
	for i, cmd := range cmds {
		if err := cmd.Err(); err != nil {
			return nil, s.failed(ctx, err)
		}
		var err error
		if outcomes[i], _, err = decode(cmd); err != nil && (!some || !core.Is(err, core.CodeNotFound)) {
			return nil, err
		}
	}
	return outcomes, nil
}

// decode reads a script's answer: an array of texts of which the first says how
// it ended, with a mark if it recorded events.
func decode(cmd *goredis.Cmd) (rest outcome, recorded bool, err error) {
	answer, err := cmd.StringSlice()
	if err != nil || len(answer) == 0 {
		return nil, false, fault("a script answered %T", cmd.Val())
	}
	answer[0], recorded = strings.CutSuffix(answer[0], recordedMark)
	return answer[1:], recorded, ending(answer)
}

// ending is the error that an answer means.
func ending(answer []string) error {
	switch how, rest := answer[0], answer[1:]; how {
	case "ok":
		return nil
	case "not_found":
		return core.NotFound()
	case "conflict":
		return versionConflict()
	case "closed":
		return core.NewError(core.CodeConversationClosed, "The conversation is closed.")
	case "last_admin":
		return core.NewError(core.CodeLastAdminKey, "This is the last key with tenant:admin that does not expire. Create another one first.")
	case "taken":
		return taken(rest)
	case "quota":
		return exhausted(rest)
	case "full":
		return core.OutboxFull()
	case "fork":
		return fmt.Errorf("redis: seq %s of the log %s: %w", rest[0], rest[1], core.ErrAuditFork)
	case "overtaken":
		return errOvertaken
	case "exists":
		return fmt.Errorf("redis: what is to be made exists already")
	}
	return fault("a script ended with %q", answer[0])
}

func taken(rest outcome) error {
	what, existing := rest[0], rest[1]
	e := core.NewError(core.CodeExternalRefTaken, "A %s with this external_ref exists.", what)
	e.ExistingID = existing
	return e
}

func exhausted(rest outcome) error {
	f := fields{"used": rest[1], "limit": rest[2]}
	use := core.QuotaUse{Name: rest[0], Used: f.int("used"), Limit: f.int("limit")}
	e := core.NewError(core.CodeQuotaExhausted, "The quota %s is used up: %d of %d.", use.Name, use.Used, use.Limit)
	e.Quota = &use
	return e
}
