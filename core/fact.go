package core

import "time"

// Fact is something that is or was true of somebody a user talks of, mostly of
// the user.
type Fact struct {
	ID           FactID
	Text         string // the sentence
	Subject      string // "user", or a name
	Attribute    string // "lives in", "likes", …; "" for a fact in words alone
	Value        string // "" with Attribute
	ValidFrom    time.Time
	ValidTo      *time.Time // nil: no end is known
	SupersededBy FactID     // the one that takes its place as it ends; "" for none
	Sources      []FactSource
	Version      int64
	CreatedAt    time.Time
}

// FactSource is an interaction that a fact rests on.
type FactSource struct {
	Conversation ConversationID
	Interaction  InteractionID
	TakenAt      time.Time // when it was accepted; when it was named, where a caller did
}

// Same reports whether both are the same interaction.
func (s FactSource) Same(other FactSource) bool {
	return s.Conversation == other.Conversation && s.Interaction == other.Interaction
}

// FactCandidate is what an extractor found in an interaction.
type FactCandidate struct {
	Subject   string
	Attribute string
	Value     string
	Single    bool // one value at a time: a newer one supersedes the older
	Text      string
	Source    InteractionID
	ValidFrom time.Time
	ValidTo   *time.Time // nil: no end is known
}

// MaxFactBytes bounds the text of a fact.
const MaxFactBytes = 2000

// MaxFactsPerUser bounds the facts of one user, superseded ones included.
const MaxFactsPerUser = 10_000

// MaxFactSources is how many of the interactions that a fact rests on are kept:
// the latest.
const MaxFactSources = 20

// FactStep is one change of a user's facts. Records are semantic blobs: their
// Conversation is empty, Interactions are the sources, FirstAt is ValidFrom,
// and FirstTakenAt and LastTakenAt are when the latest source was accepted.
type FactStep struct {
	User      UserID
	Added     []BlobRecord  // Version 1
	Rewritten []FactRewrite // other facts than those added
	Deleted   []FactDelete
	Keys      []FactKeyMove
	Max       int64
	At        time.Time
	Events    []Event
}

// FactRewrite replaces a fact if its version is still IfVersion.
type FactRewrite struct {
	New       BlobRecord // same ID; Version is IfVersion+1
	IfVersion int64
}

// FactDelete removes a fact if its version is still IfVersion.
type FactDelete struct {
	ID        BlobID
	IfVersion int64
}

// FactKeyMove gives a key of the user's another holder. A key is a keyed hash
// of what only one fact may say at a time: a subject's single attribute.
type FactKeyMove struct {
	Key string
	Was BlobID // "" for nobody
	Now BlobID // "" for nobody
}

// FactBlob is the id of the blob that a fact is kept in.
func FactBlob(id FactID) BlobID {
	if !id.Valid() {
		return ""
	}
	return BlobID("blob_" + string(id[len("fact_"):]))
}

// BlobFact is the id of the fact that is kept in a blob.
func BlobFact(id BlobID) FactID {
	if !id.Valid() {
		return ""
	}
	return FactID("fact_" + string(id[len("blob_"):]))
}

// KnownFact is a fact that has not ended, with when the latest interaction that
// it rests on was accepted: retention counts from there.
type KnownFact struct {
	Fact
	TakenAt time.Time
}
