package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	goredis "github.com/redis/go-redis/v9"
)

// schemaVersion is that of the keys which doc.go lists and of what is in them. It
// goes up when a raven that knows the one before would read or write them
// wrongly, and then a migration in checkSchema goes with it, and a fixture in
// test/upgrade.
const schemaVersion = 1

// fieldSchema of the deployment holds the version. It is missing where no
// deployment is yet, or the first version, which did not write it, made it.
const fieldSchema = "schema"

// checkSchema refuses a store that a newer raven wrote.
func (s *Store) checkSchema(ctx context.Context) error {
	text, err := s.again.HGet(ctx, deployment.tenant(), fieldSchema).Result()
	if errors.Is(err, goredis.Nil) {
		return nil
	}
	if err != nil {
		return s.failed(ctx, err)
	}
	version, err := strconv.Atoi(text)
	if err != nil {
		return fault("a schema of version %q", text)
	}
	if version > schemaVersion {
		return fmt.Errorf("redis: the store has schema version %d, and this raven knows up to %d: run the newer raven that wrote it", version, schemaVersion)
	}
	return nil
}
