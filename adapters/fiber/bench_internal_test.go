package fiberhttp

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/recall"
)

const benchSentence = "Parcel 17 left the port of Antwerp on day 4 with 12 crates of instruments."

// BenchmarkDecode reads the body of an ingest.
func BenchmarkDecode(b *testing.B) {
	for _, n := range []int{1, 20} {
		b.Run(fmt.Sprintf("ingest=%d", n), func(b *testing.B) {
			one := `{"role":"user","content":"` + benchSentence + `"}`
			body := []byte(`{"interactions":[` + strings.Repeat(one+",", n-1) + one + `]}`)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := decode[ingestJSON](body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkEncode writes the answers of an ingest and of a context.
func BenchmarkEncode(b *testing.B) {
	ids, items := make([]string, 20), make([]recall.Item, 50)
	for i := range ids {
		ids[i] = fmt.Sprintf("int_%026d", i)
	}
	for i := range items {
		items[i] = recall.Item{
			Type: "interaction", ID: fmt.Sprintf("int_%026d", i), Text: benchSentence, Role: core.RoleUser,
			Conversation: "cnv_00000000000000000000000000", OccurredAt: time.Unix(1_700_000_000, 0), Score: 1 / float64(i+1),
		}
	}
	context := recall.Context{Text: strings.Repeat(benchSentence+"\n", 50), TokenCount: 1000, TokenCounter: "bytes/4", Items: items}
	for name, body := range map[string]func() any{
		"ingest=20":  func() any { return ingestedJSON{InteractionIDs: ids, FlushedBlobIDs: ids[:2]} },
		"context=50": func() any { return contextToJSON(context) },
	} {
		b.Run(name, func(b *testing.B) {
			r := &request{x: &exchange{http: &fasthttp.RequestCtx{}}}
			b.ReportAllocs()
			for b.Loop() {
				r.x.http.Response.Reset()
				if err := new(Server).reply(r, answer{status: 200, body: body()}); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(len(r.x.http.Response.Body())))
		})
	}
}
