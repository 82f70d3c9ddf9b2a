package recall

import (
	"container/list"
	"crypto/sha256"
	"sync"

	"github.com/raven-memory/raven/core"
)

const (
	// queriesPerTenant is how many vectors of queries are kept of a tenant, and
	// queryTenants of how many tenants: some 50 MB of 1,024 dimensions at the most.
	queriesPerTenant = 64
	queryTenants     = 300
)

// queryCache keeps vectors of queries that were asked lately, of each tenant
// apart: what one asked makes no answer of another's faster. It keeps none of
// their texts, which may name a user who is deleted meanwhile.
type queryCache struct {
	mu      sync.Mutex
	tenants map[core.TenantID]*tenantQueries
	used    *list.List // of core.TenantID, the last used first
}

type tenantQueries struct {
	element *list.Element
	byText  map[textHash]*list.Element
	used    *list.List // of *cachedQuery, the last used first
}

type cachedQuery struct {
	text  textHash
	probe *probe
}

type textHash [sha256.Size]byte

func hashText(text string) textHash { return sha256.Sum256([]byte(text)) }

func newQueryCache() *queryCache {
	return &queryCache{tenants: map[core.TenantID]*tenantQueries{}, used: list.New()}
}

func (c *queryCache) get(tenant core.TenantID, text string) *probe {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tenants[tenant]
	if t == nil {
		return nil
	}
	e := t.byText[hashText(text)]
	if e == nil {
		return nil
	}
	c.used.MoveToFront(t.element)
	t.used.MoveToFront(e)
	return e.Value.(*cachedQuery).probe
}

func (c *queryCache) put(tenant core.TenantID, text string, p *probe) {
	hash := hashText(text)
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tenants[tenant]
	if t == nil {
		t = &tenantQueries{byText: map[textHash]*list.Element{}, used: list.New(), element: c.used.PushFront(tenant)}
		c.tenants[tenant] = t
		if c.used.Len() > queryTenants {
			delete(c.tenants, c.used.Remove(c.used.Back()).(core.TenantID))
		}
	}
	if t.byText[hash] != nil {
		return
	}
	t.byText[hash] = t.used.PushFront(&cachedQuery{hash, p})
	if t.used.Len() > queriesPerTenant {
		delete(t.byText, t.used.Remove(t.used.Back()).(*cachedQuery).text)
	}
}

// forget drops a tenant's.
func (c *queryCache) forget(tenant core.TenantID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.tenants[tenant]; t != nil {
		c.used.Remove(t.element)
		delete(c.tenants, tenant)
	}
}
