package upgrade

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	goredis "github.com/redis/go-redis/v9"
)

// dumpCommands writes a Redis as the commands that make it, one a line, without
// what expires. Each word is quoted as redis-cli takes it.
func dumpCommands(ctx context.Context, c *goredis.Client, to io.Writer) error {
	keys, err := c.Keys(ctx, "*").Result()
	if err != nil {
		return err
	}
	slices.Sort(keys)
	for _, key := range keys {
		if ttl := c.TTL(ctx, key).Val(); ttl > 0 {
			continue
		}
		commands, err := commandsOf(ctx, c, key)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		for _, words := range commands {
			for i, word := range words {
				words[i] = quote(word)
			}
			fmt.Fprintln(to, strings.Join(words, " "))
		}
	}
	return nil
}

// quote leaves a plain word as it is.
func quote(word string) string {
	quoted := strconv.QuoteToASCII(word)
	if quoted == `"`+word+`"` && word != "" && !strings.Contains(word, " ") {
		return word
	}
	return quoted
}

func commandsOf(ctx context.Context, c *goredis.Client, key string) (list [][]string, err error) {
	switch kind := c.Type(ctx, key).Val(); kind {
	case "string":
		value, err := c.Get(ctx, key).Result()
		return [][]string{{"SET", key, value}}, err
	case "hash":
		fields, err := c.HGetAll(ctx, key).Result()
		words := []string{"HSET", key}
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			words = append(words, name, fields[name])
		}
		return [][]string{words}, err
	case "set":
		members, err := c.SMembers(ctx, key).Result()
		return [][]string{append([]string{"SADD", key}, members...)}, err
	case "zset":
		members, err := c.ZRangeWithScores(ctx, key, 0, -1).Result()
		words := []string{"ZADD", key}
		for _, m := range members {
			words = append(words, strconv.FormatFloat(m.Score, 'f', -1, 64), fmt.Sprint(m.Member))
		}
		return [][]string{words}, err
	case "stream":
		return streamCommands(ctx, c, key)
	default:
		return nil, fmt.Errorf("there is no command for a %s", kind)
	}
}

// streamCommands also says what was added and is gone.
func streamCommands(ctx context.Context, c *goredis.Client, key string) (list [][]string, err error) {
	info, err := c.XInfoStream(ctx, key).Result()
	if err != nil {
		return nil, err
	}
	entries, err := c.Do(ctx, "XRANGE", key, "-", "+").Slice()
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		pair, _ := entry.([]any)
		words := []string{"XADD", key, fmt.Sprint(pair[0])}
		fields, _ := pair[1].([]any)
		for _, word := range fields {
			words = append(words, fmt.Sprint(word))
		}
		list = append(list, words)
	}
	if len(entries) == 0 { // it takes an entry to make a stream
		list = append(list, []string{"XADD", key, "MAXLEN", "0", info.LastGeneratedID, "x", "x"})
	}
	return append(list, []string{"XSETID", key, info.LastGeneratedID, "ENTRIESADDED", fmt.Sprint(info.EntriesAdded), "MAXDELETEDID", info.MaxDeletedEntryID}), nil
}

// loadCommands runs what dumpCommands wrote.
func loadCommands(ctx context.Context, c *goredis.Client, from io.Reader) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		words, err := unquote(lines.Text())
		if err != nil {
			return err
		}
		if err := c.Do(ctx, words...).Err(); err != nil {
			return fmt.Errorf("%v: %w", words[:2], err)
		}
	}
	return lines.Err()
}

func unquote(line string) (words []any, err error) {
	for line != "" {
		word, rest, _ := strings.Cut(line, " ")
		if line[0] == '"' {
			quoted, err := strconv.QuotedPrefix(line)
			if err != nil {
				return nil, err
			}
			if word, err = strconv.Unquote(quoted); err != nil {
				return nil, err
			}
			rest = strings.TrimPrefix(line[len(quoted):], " ")
		}
		words, line = append(words, word), rest
	}
	return words, nil
}
