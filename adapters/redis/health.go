package redis

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	goredis "github.com/redis/go-redis/v9"
)

// Ping writes, and waits as every step does. Of a Cluster every master has to
// say that it serves.
func (s *Store) Ping(ctx context.Context) error {
	if _, err := s.run(ctx, checkHealth, []string{healthKey}, rand.Text()); err != nil {
		return err
	}
	if cluster, ok := s.again.(*goredis.ClusterClient); ok {
		return s.failed(ctx, cluster.ForEachMaster(ctx, serves))
	}
	return nil
}

func serves(ctx context.Context, node *goredis.Client) error {
	info, err := node.ClusterInfo(ctx).Result()
	if err == nil && !strings.Contains(info, "cluster_state:ok") {
		err = fmt.Errorf("%s does not serve: its cluster is not whole", node.Options().Addr)
	}
	return err
}
