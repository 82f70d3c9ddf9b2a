package recall

import (
	"container/list"
	"sync"

	"github.com/raven-memory/raven/core"
)

const (
	// queriesPerTenant is how many vectors of queries are kept of a tenant, and
	// queryTenants of how many tenants: some 50 MB of 1,024 dimensions at the most.
	queriesPerTenant = 64
	queryTenants     = 300
	// longestCached is the most bytes of a query that is kept.
	longestCached = 2000
)

// queryCache keeps vectors of queries that were asked lately, of each tenant
// apart: what one asked makes no answer of another's faster.
type queryCache struct {
	mu      sync.Mutex
	tenants map[core.TenantID]*tenantQueries
	used    *list.List // of core.TenantID, the last used first
}

type tenantQueries struct {
	element *list.Element
	byText  map[string]*list.Element
	used    *list.List // of *cachedQuery, the last used first
}

type cachedQuery struct {
	text  string
	probe *probe
}

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
	e := t.byText[text]
	if e == nil {
		return nil
	}
	c.used.MoveToFront(t.element)
	t.used.MoveToFront(e)
	return e.Value.(*cachedQuery).probe
}

func (c *queryCache) put(tenant core.TenantID, text string, p *probe) {
	if len(text) > longestCached {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tenants[tenant]
	if t == nil {
		t = &tenantQueries{byText: map[string]*list.Element{}, used: list.New(), element: c.used.PushFront(tenant)}
		c.tenants[tenant] = t
		if c.used.Len() > queryTenants {
			delete(c.tenants, c.used.Remove(c.used.Back()).(core.TenantID))
		}
	}
	if t.byText[text] != nil {
		return
	}
	t.byText[text] = t.used.PushFront(&cachedQuery{text, p})
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
