package redis

import (
	"encoding/json"
	"maps"
	"strings"
	"time"

	"github.com/raven-memory/raven/core"
)

// ms is how times are stored.
func ms(t time.Time) int64 { return t.UnixMilli() }

func maybeMS(t *time.Time) any {
	if t == nil {
		return ""
	}
	return t.UnixMilli()
}

// stepKeys are the first keys of every step of a tenant. The place of an
// operation that is not remembered is taken by a key that is there anyway.
func (t tenantKeys) stepKeys(op core.Op, more ...string) []string {
	operation := t.tenant()
	if remembered(op) != "" {
		operation = t.operation(operationName(op.ID))
	}
	return append([]string{t.tenant(), t.usage(), t.events(), operation, t.operations()}, more...)
}

// stepArgs are the first arguments of every step of a tenant.
func stepArgs(op core.Op, more ...any) []any {
	return append([]any{remembered(op), operationName(op.ID)}, more...)
}

// remembered is until when an operation's outcome is kept; "" for one that is
// not.
func remembered(op core.Op) any {
	if until := ms(op.Until); op.ID != "" && until > 0 {
		return until
	}
	return ""
}

// eventArgs are an event as the scripts take it.
func eventArgs(e core.Event) ([]any, error) {
	data, err := encodeData(e.Data)
	return []any{string(e.ID), string(e.Type), ms(e.At), string(e.Actor.Key), data}, err
}

// noEvent stands where a step records none.
var noEvent = []any{"", "", "", "", ""}

func encodeData(data core.EventData) (string, error) {
	if data == nil {
		return "", nil
	}
	text, err := json.Marshal(data)
	return string(text), err
}

// decodeData gives counts back as int64.
func decodeData(text string, counts core.EventData) (core.EventData, error) {
	var data core.EventData
	if text != "" {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&data); err != nil {
			return nil, fault("an event's data: %v", err)
		}
		data.Numbers()
	}
	if len(counts) == 0 {
		return data, nil
	}
	if data == nil {
		data = core.EventData{}
	}
	maps.Copy(data, counts)
	return data, nil
}

// join writes ids one after the other; none holds a comma.
func join[T ~string](ids []T) string {
	var out strings.Builder
	for i, id := range ids {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString(string(id))
	}
	return out.String()
}

func split[T ~string](text string) []T {
	if text == "" {
		return nil
	}
	var ids []T
	for id := range strings.SplitSeq(text, ",") {
		ids = append(ids, T(id))
	}
	return ids
}

// memoryKeys are the first keys of every step on a conversation's memory.
func (c conversationKeys) memoryKeys(op core.Op, more ...string) []string {
	return append(append(c.bufferKeys(op), c.expiryBlobs(), c.blobs(), c.blobsByTime()), more...)
}

// bufferKeys are those of them that are not about blobs.
func (c conversationKeys) bufferKeys(op core.Op) []string {
	return c.stepKeys(op, c.userKeys.hash(), c.changes(), c.buffered(), c.hash(), c.buffer(), c.sealed(), c.idle(), c.expiryBuffers())
}

// memoryArgs are the first arguments of every step on a conversation's memory.
func (c conversationKeys) memoryArgs(op core.Op, more ...any) []any {
	return append(stepArgs(op, c.place(), string(c.conversation)), more...)
}
