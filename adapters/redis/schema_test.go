package redis_test

import (
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/adapters/redis"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/test/backend"
)

func TestNewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	url := backend.SharedRedis(t)
	s := open(t, redis.Options{URL: url})
	_, err := s.InitDeployment(t.Context(), core.Deployment{
		ID: "dep_1", CreatedAt: time.Now(), DataKeys: []core.WrappedKey{{Version: 1, Provider: "local", Wrapped: []byte("x"), CreatedAt: time.Now()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	open(t, redis.Options{URL: url}) // its own is welcome
	opt, err := goredis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	c := goredis.NewClient(opt)
	defer c.Close()
	if n, err := c.HGet(t.Context(), "raven:{deployment}", "schema").Int(); err != nil || n < 1 {
		t.Fatalf("the deployment's schema is %d, %v", n, err)
	}
	if err := c.HSet(t.Context(), "raven:{deployment}", "schema", 999).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := redis.Open(t.Context(), redis.Options{URL: url}); err == nil || !strings.Contains(err.Error(), "schema version 999") || !strings.Contains(err.Error(), "knows up to") {
		t.Errorf("got %v", err)
	}
}
