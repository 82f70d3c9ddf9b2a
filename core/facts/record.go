package facts

import (
	"context"
	"encoding/json"
	"time"

	"github.com/raven-memory/raven/core"
)

// sealed is a fact as it is kept, inside its envelope.
type sealed struct {
	Text         string     `json:"text"`
	Subject      string     `json:"subject"`
	Attribute    string     `json:"attribute,omitempty"`
	Value        string     `json:"value,omitempty"`
	Key          string     `json:"key"` // that it may hold
	ValidFrom    time.Time  `json:"valid_from"`
	ValidTo      *time.Time `json:"valid_to,omitempty"`
	SupersededBy string     `json:"superseded_by,omitempty"`
	Until        *time.Time `json:"until,omitempty"` // with superseded_by
	Sources      []source   `json:"sources,omitempty"`
	StatedAt     time.Time  `json:"stated_at,omitzero"` // with sources
	CreatedAt    time.Time  `json:"created_at"`
}

type source struct {
	Conversation core.ConversationID `json:"conversation,omitempty"`
	Interaction  core.InteractionID  `json:"interaction"`
	TakenAt      time.Time           `json:"taken_at,omitzero"` // zero: sealed before this was kept
}

// held is a fact with the record it is kept in.
type held struct {
	core.Fact
	until  *time.Time // the end that somebody gave it, whatever superseded it; nil for none
	key    string
	stated time.Time // when somebody stated it without a source; zero for never
	record core.BlobRecord
}

// current reports whether no end of a fact is known: the one of its topic that is
// has the key.
func (h held) current() bool { return h.ValidTo == nil && h.SupersededBy == "" }

// running reports whether a fact has not ended yet; it may begin later.
func (h held) running(now time.Time) bool { return h.ValidTo == nil || now.Before(*h.ValidTo) }

func (s *Service) open(ctx context.Context, tenant core.TenantID, r core.BlobRecord) (held, error) {
	plain, err := s.Seal.Open(ctx, core.BlobPlace(tenant, r), r.Sealed)
	if err != nil {
		return held{}, err
	}
	var f sealed
	if err := json.Unmarshal(plain, &f); err != nil {
		return held{}, err
	}
	h := held{until: f.Until, key: f.Key, stated: f.StatedAt, record: r, Fact: core.Fact{
		ID: core.BlobFact(r.ID), Text: f.Text, Subject: f.Subject, Attribute: f.Attribute, Value: f.Value,
		ValidFrom: f.ValidFrom, ValidTo: f.ValidTo, SupersededBy: core.FactID(f.SupersededBy),
		Version: r.Version, CreatedAt: f.CreatedAt,
	}}
	if h.SupersededBy == "" {
		h.until = h.ValidTo
	}
	if len(f.Sources) == 0 {
		h.stated = r.LastTakenAt
	}
	for _, from := range f.Sources {
		if from.TakenAt.IsZero() {
			from.TakenAt = r.LastTakenAt
		}
		h.Sources = append(h.Sources, core.FactSource(from))
	}
	return h, nil
}

// seal gives the record of a fact in its version. takenAt is when the latest
// interaction that it rests on was accepted.
func (s *Service) seal(ctx context.Context, tenant core.TenantID, user core.UserID, h held, takenAt time.Time) (core.BlobRecord, error) {
	f := sealed{
		Text: h.Text, Subject: h.Subject, Attribute: h.Attribute, Value: h.Value, Key: h.key,
		ValidFrom: h.ValidFrom, ValidTo: h.ValidTo, SupersededBy: string(h.SupersededBy), CreatedAt: h.CreatedAt,
	}
	r := core.BlobRecord{
		ID: core.FactBlob(h.ID), User: user, Kind: core.BlobSemantic,
		FirstAt: h.ValidFrom, LastAt: h.ValidFrom, FirstTakenAt: takenAt, LastTakenAt: takenAt,
		Version: h.Version,
	}
	if h.SupersededBy != "" {
		f.Until = h.until
	}
	if len(h.Sources) > 0 {
		f.StatedAt = h.stated
	}
	for _, from := range h.Sources {
		f.Sources = append(f.Sources, source(from))
		r.Interactions = append(r.Interactions, from.Interaction)
	}
	plain, err := json.Marshal(f)
	if err != nil {
		return core.BlobRecord{}, err
	}
	if r.Sealed, err = s.Seal.Seal(ctx, core.BlobPlace(tenant, r), plain); err != nil {
		return core.BlobRecord{}, err
	}
	r.KeyVersion, _ = core.EnvelopeKeyVersion(r.Sealed)
	r.Size = int64(len(r.Sealed))
	return r, nil
}

// load reads all facts of a user, by arrival.
func (s *Service) load(ctx context.Context, tenant core.TenantID, user core.UserID) ([]held, error) {
	var all []held
	for after := int64(0); ; {
		records, err := s.Store.Facts(ctx, tenant, user, core.Page{After: after, Limit: loadPage})
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			h, err := s.open(ctx, tenant, r)
			if err != nil {
				return nil, err
			}
			all = append(all, h)
		}
		if len(records) < loadPage {
			return all, nil
		}
		after = records[len(records)-1].Position
	}
}
