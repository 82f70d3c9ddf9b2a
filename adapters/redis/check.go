package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	goredis "github.com/redis/go-redis/v9"
)

// check refuses servers that may lose what was acknowledged.
func (s *Store) check(ctx context.Context, opt Options) error {
	one := func(ctx context.Context, node *goredis.Client) error { return checkNode(ctx, node, opt) }
	var err error
	switch client := s.again.(type) {
	case *goredis.ClusterClient:
		err = client.ForEachMaster(ctx, one)
	case *goredis.Client:
		err = one(ctx, client)
	}
	if err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	return nil
}

func checkNode(ctx context.Context, node *goredis.Client, opt Options) error {
	where := node.Options().Addr
	if where == "FailoverClient" { // the driver's word; the address may change any time
		where = "the master that the Sentinels name"
	}
	info, err := node.InfoMap(ctx, "server", "replication").Result()
	if err != nil {
		return fmt.Errorf("asking %s what it is: %w", where, err)
	}
	version := info["Server"]["redis_version"]
	if err := checkVersion(version, opt.Wait); err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	if role := info["Replication"]["role"]; role != "master" {
		return fmt.Errorf("%s is a %s and takes no writes: name the master, or use redis+sentinel or redis+cluster, which find it", where, role)
	}
	if opt.TrustServer {
		return nil
	}
	settings, err := node.ConfigGet(ctx, "*").Result()
	if err == nil && settings["maxmemory-policy"] == "" {
		err = errors.New("its settings are not told")
	}
	if err != nil {
		if isReply(err) && unavailable(err) && !hasWords(err, "NOPERM") {
			return fmt.Errorf("asking %s for its settings: %w", where, err)
		}
		return fmt.Errorf("%s does not tell its settings (%w): allow CONFIG GET to Raven's user, or set store.redis.trust_server to true and see yourself to maxmemory-policy noeviction and an append-only file", where, err)
	}
	if err := checkSettings(settings, opt); err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	return nil
}

func checkVersion(version string, wait Wait) error {
	var numbers [2]int
	for i, part := range strings.SplitN(version, ".", 3)[:min(2, strings.Count(version, ".")+1)] {
		n, err := strconv.Atoi(part)
		if err != nil {
			return fmt.Errorf("its version %q can't be read", version)
		}
		numbers[i] = n
	}
	least := [2]int{7, 0}
	why := ""
	if wait.AOF {
		least, why = [2]int{7, 2}, ", which waiting for the append-only file needs"
	}
	if numbers[0] < least[0] || numbers[0] == least[0] && numbers[1] < least[1] {
		return fmt.Errorf("it is Redis %s; Raven needs %d.%d or later%s", version, least[0], least[1], why)
	}
	return nil
}

func checkSettings(settings map[string]string, opt Options) error {
	if v := settings["maxmemory-policy"]; v != "noeviction" {
		return fmt.Errorf("maxmemory-policy is %s: Redis would drop what is stored when its memory is full; set it to noeviction", v)
	}
	if v := settings["appendonly"]; v != "yes" {
		return fmt.Errorf("appendonly is %s: a restart would lose what is stored; set it to yes", v)
	}
	switch v := settings["appendfsync"]; {
	case v == "always", v == "everysec" && (opt.Relaxed || opt.Wait.AOF):
		return nil
	case v == "everysec":
		return errors.New("appendfsync is everysec: a crash of the machine would lose the last second; set it to always, or store.redis.relaxed to true if that second may be lost")
	default:
		return fmt.Errorf("appendfsync is %s: a crash of the machine would lose what was acknowledged; set it to always", v)
	}
}
