package redis

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// dataKey is a wrapped key as a field's value; its version is the field.
type dataKey struct {
	Provider  string `json:"provider"`
	Wrapped   []byte `json:"wrapped"`
	CreatedAt int64  `json:"created_at"`
}

func encodeDataKey(k core.WrappedKey) ([]byte, error) {
	return json.Marshal(dataKey{k.Provider, append([]byte{}, k.Wrapped...), ms(k.CreatedAt)})
}

func decodeDataKey(version, text string) (core.WrappedKey, error) {
	var k dataKey
	n, err := strconv.ParseUint(version, 10, 32)
	if err == nil {
		err = json.Unmarshal([]byte(text), &k)
	}
	if err != nil {
		return core.WrappedKey{}, fault("a data key of version %q", version)
	}
	return core.WrappedKey{Version: uint32(n), Provider: k.Provider, Wrapped: k.Wrapped, CreatedAt: timeOf(k.CreatedAt)}, nil
}

// DataKeys lists the tenant's wrapped keys.
func (s *Store) DataKeys(ctx context.Context, tenant core.TenantID) ([]core.WrappedKey, error) {
	t, err := keysOf(tenant)
	if err != nil {
		return nil, err
	}
	var exists *goredis.IntCmd
	var hash *goredis.MapStringStringCmd
	err = s.pipeAlone(ctx, func(p goredis.Pipeliner) {
		hash = p.HGetAll(ctx, t.dataKeys())
		exists = p.Exists(ctx, t.tenant())
	})
	if err == nil && exists.Val() == 0 {
		err = core.NotFound()
	}
	if err != nil {
		return nil, err
	}
	return decodeDataKeys(hash.Val())
}

func decodeDataKeys(hash map[string]string) ([]core.WrappedKey, error) {
	var keys []core.WrappedKey
	for version, text := range hash {
		k, err := decodeDataKey(version, text)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b core.WrappedKey) int { return cmp.Compare(a.Version, b.Version) })
	return keys, nil
}

// fieldKeyCheck begins the fields of the deployment's hash that are check
// values; beside them are its id and when it was made.
const fieldKeyCheck = "keycheck:"

// InitDeployment keeps d if there is none.
func (s *Store) InitDeployment(ctx context.Context, d core.Deployment) (core.Deployment, error) {
	if manyKeys(d.DataKeys) {
		if err := s.listRotating(ctx, core.DeploymentTenant); err != nil {
			return core.Deployment{}, err
		}
	}
	own := append([]any{"id", d.ID, "created_at", ms(d.CreatedAt), fieldSchema, schemaVersion}, keyCheckArgs(d.KeyChecks)...)
	args := append([]any{len(own)}, own...)
	for _, k := range d.DataKeys {
		text, err := encodeDataKey(k)
		if err != nil {
			return core.Deployment{}, err
		}
		args = append(args, k.Version, text)
	}
	if _, err := s.run(ctx, initDeployment, []string{deployment.tenant(), deployment.dataKeys()}, args...); err != nil {
		return core.Deployment{}, err
	}
	return s.Deployment(ctx)
}

func keyCheckArgs(checks map[uint32]string) (args []any) {
	for version, value := range checks {
		args = append(args, fmt.Sprint(fieldKeyCheck, version), value)
	}
	return args
}

// Deployment returns the one there is.
func (s *Store) Deployment(ctx context.Context) (core.Deployment, error) {
	var own, keys *goredis.MapStringStringCmd
	err := s.pipeAlone(ctx, func(p goredis.Pipeliner) {
		own = p.HGetAll(ctx, deployment.tenant()) // which is never there without its keys
		keys = p.HGetAll(ctx, deployment.dataKeys())
	})
	if err == nil && own.Val()["id"] == "" {
		err = core.NotFound()
	}
	if err != nil {
		return core.Deployment{}, err
	}
	return deploymentOf(own.Val(), keys.Val())
}

func deploymentOf(f fields, keys map[string]string) (core.Deployment, error) {
	d := core.Deployment{ID: f["id"], CreatedAt: f.time("created_at"), KeyChecks: map[uint32]string{}}
	for name, value := range f {
		if version, ok := strings.CutPrefix(name, fieldKeyCheck); ok {
			n, err := strconv.ParseUint(version, 10, 32)
			if err != nil {
				return core.Deployment{}, fault("a check value of version %q", version)
			}
			d.KeyChecks[uint32(n)] = value
		}
	}
	var err error
	d.DataKeys, err = decodeDataKeys(keys)
	return d, err
}

// AddKeyChecks adds check values of keyring versions.
func (s *Store) AddKeyChecks(ctx context.Context, checks map[uint32]string) error {
	_, err := s.run(ctx, addFields, []string{deployment.tenant()}, keyCheckArgs(checks)...)
	return err
}
