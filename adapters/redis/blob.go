package redis

import (
	"encoding/json"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// blobHeader is what is told of a blob beside its sealed bytes, as a field's
// value. Only this package reads it.
type blobHeader struct {
	Kind         string   `json:"kind"`
	Numbers      []int64  `json:"numbers"`
	Interactions []string `json:"interactions"`
	FirstAt      int64    `json:"first_at"`
	LastAt       int64    `json:"last_at"`
	FirstTakenAt int64    `json:"first_taken_at"`
	LastTakenAt  int64    `json:"last_taken_at"`
	KeyVersion   uint32   `json:"key_version"`
}

// blobArgs are a blob as the scripts keep it: id, header, sealed bytes, first
// and last number, how many, and when the first was taken in.
func blobArgs(b core.BlobRecord) ([]any, error) {
	h := headerOf(b)
	header, err := json.Marshal(h)
	first, last := reach(b)
	return []any{string(b.ID), header, b.Sealed, first, last, len(b.Numbers), h.FirstTakenAt}, err
}

func headerOf(b core.BlobRecord) blobHeader {
	h := blobHeader{
		Kind: string(b.Kind), Numbers: b.Numbers, FirstAt: ms(b.FirstAt), LastAt: ms(b.LastAt),
		FirstTakenAt: ms(b.FirstTakenAt), LastTakenAt: ms(b.LastTakenAt), KeyVersion: b.KeyVersion,
	}
	for _, id := range b.Interactions {
		h.Interactions = append(h.Interactions, string(id))
	}
	return h
}

// reach is the first and the last number in a blob.
func reach(b core.BlobRecord) (first, last int64) {
	if len(b.Numbers) == 0 {
		return 0, 0
	}
	return b.Numbers[0], b.Numbers[len(b.Numbers)-1]
}

var (
	headerFields = []string{"conversation", "epoch", "header", "size", "version", "position"}
	blobFields   = append(headerFields[:len(headerFields):len(headerFields)], "sealed")
)

// blobFieldsOf are the fields to read of a blob.
func blobFieldsOf(payload bool) []string {
	if payload {
		return blobFields
	}
	return headerFields
}

// blobOf reads a blob; ok is false where there is none in the epoch.
func blobOf(user core.UserID, id core.BlobID, epoch string, cmd *goredis.SliceCmd, payload bool) (b core.BlobRecord, ok bool, err error) {
	f := some(cmd, blobFieldsOf(payload)...)
	if f["header"] == "" || f["epoch"] != epoch {
		return b, false, nil
	}
	var h blobHeader
	if err := json.Unmarshal([]byte(f["header"]), &h); err != nil {
		return b, false, fault("the header of the blob %s", id)
	}
	b = core.BlobRecord{
		ID: id, User: user, Kind: core.BlobKind(h.Kind), Conversation: core.ConversationID(f["conversation"]),
		Numbers: h.Numbers, FirstAt: timeOf(h.FirstAt), LastAt: timeOf(h.LastAt),
		FirstTakenAt: timeOf(h.FirstTakenAt), LastTakenAt: timeOf(h.LastTakenAt), KeyVersion: h.KeyVersion,
		Size: f.int("size"), Version: f.int("version"), Position: f.int("position"),
	}
	for _, id := range h.Interactions {
		b.Interactions = append(b.Interactions, core.InteractionID(id))
	}
	if payload {
		b.Sealed = []byte(f["sealed"])
	}
	return b, true, nil
}
