package observe

import (
	"context"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

type facts struct {
	next ports.Facts
	hooks
}

func (o facts) WriteFacts(ctx context.Context, tenant core.TenantID, op core.Op, step core.FactStep) error {
	return do(ctx, o.hooks, Call{"Facts", "WriteFacts"}, func(ctx context.Context) error {
		return o.next.WriteFacts(ctx, tenant, op, step)
	})
}

func (o facts) Facts(ctx context.Context, tenant core.TenantID, user core.UserID, page core.Page) ([]core.BlobRecord, error) {
	return get(ctx, o.hooks, Call{"Facts", "Facts"}, func(ctx context.Context) ([]core.BlobRecord, error) {
		return o.next.Facts(ctx, tenant, user, page)
	})
}
