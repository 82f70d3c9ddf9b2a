package recall

import (
	"context"
	"slices"

	"github.com/raven-memory/raven/core"
)

// putRecords is how many records are written in one step.
const putRecords = 32

// vectorPlan is a record to write in the place of others.
type vectorPlan struct {
	conversation core.ConversationID
	list         []embedded
	replaces     []core.DerivedID
}

// wantsVectors reports whether there is anything to compute or to store.
func (x *index) wantsVectors(ours func(core.EmbeddingModel) bool) bool {
	return len(x.lacking(ours, 1)) > 0 || len(x.vectorPlans(1)) > 0
}

// vectorPlans lists records to write, at most limit: of stretches in which some
// vector is not stored, and of those in more records than they need.
func (x *index) vectorPlans(limit int) []vectorPlan {
	var plans []vectorPlan
	for _, c := range x.conversationsInOrder() {
		for from := 0; from < len(c.order); {
			stretch := stretchOf(x.turns[c.order[from]].number)
			to := from + 1
			for to < len(c.order) && stretchOf(x.turns[c.order[to]].number) == stretch {
				to++
			}
			if p, ok := x.planVectors(c, c.order[from:to], to == len(c.order)); ok {
				if plans = append(plans, p); len(plans) == limit {
					return plans
				}
			}
			from = to
		}
	}
	return plans
}

// planVectors plans a stretch of a conversation; last says that it may still grow.
func (x *index) planVectors(c *conversation, slots []int32, last bool) (p vectorPlan, wanted bool) {
	p.conversation = c.id
	stretch := stretchOf(x.turns[slots[0]].number)
	var fresh []vectorRecord
	for _, r := range x.vectors.records[c.id] {
		if stretchOf(r.first) > stretch || stretchOf(r.last) < stretch {
			continue
		}
		p.replaces = append(p.replaces, r.id)
		if !r.stale {
			fresh = append(fresh, r)
		}
	}
	wanted = len(fresh) > looseRecords || len(fresh) > 1 && !last || len(fresh) < len(p.replaces)
	for _, slot := range slots {
		if !x.vectors.has(slot) {
			continue
		}
		n := x.turns[slot].number
		p.list = append(p.list, embedded{n, x.vectors.vector(slot)})
		stored := slices.ContainsFunc(fresh, func(r vectorRecord) bool { return r.first <= n && n <= r.last })
		wanted = wanted || !stored
	}
	return p, wanted && len(p.list) > 0
}

// storeVectors writes what is planned.
func (s *Service) storeVectors(ctx context.Context, o owner, e *entry) error {
	for {
		var plans []vectorPlan
		var version int64
		var model core.EmbeddingModel
		e.read(anyVersion, func(x *index) {
			plans, version, model = x.vectorPlans(putRecords), x.version, x.vectors.model
		})
		if len(plans) == 0 {
			return nil
		}
		var records []core.DerivedRecord
		var replaces []core.DerivedID
		for i := range plans {
			r, err := s.sealVectors(ctx, o, version, model, plans[i].conversation, plans[i].list)
			if err != nil {
				return err
			}
			records, replaces = append(records, r), append(replaces, plans[i].replaces...)
		}
		if err := s.vectors.Derived.PutDerived(ctx, o.tenant, o.user, core.DerivedVectors, records, replaces); err != nil {
			return err
		}
		s.change(ctx, e, func(x *index) { x.noteStored(records, plans) })
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// noteStored notes what was written. A record that the store removed again
// meanwhile, with something that was forgotten, is noted all the same: then some
// vectors are in memory alone, and computed anew after the next load.
func (x *index) noteStored(records []core.DerivedRecord, plans []vectorPlan) {
	for i := range plans {
		p := &plans[i]
		left := slices.DeleteFunc(x.vectors.records[p.conversation], func(r vectorRecord) bool { return slices.Contains(p.replaces, r.id) })
		x.vectors.setRecords(p.conversation, left)
		x.vectors.addRecord(p.conversation, vectorRecord{id: records[i].ID, first: records[i].First, last: records[i].Last})
	}
}
