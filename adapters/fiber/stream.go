package fiberhttp

import (
	"bufio"
	"context"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/valyala/fasthttp"
)

const (
	mimeNDJSON   = "application/x-ndjson"
	streamBuffer = 32 << 10
)

// startStream lets write send lines of JSON after the handler returned. A
// failure cuts the connection before the body's end, so that half an export is
// not taken for a whole one. A reader that goes away ends it too.
func (s *Server) startStream(r *request, write func(ctx context.Context, send func(line any) error) error) {
	x := r.x
	x.streaming = true
	ctx, cancel := context.WithTimeout(x.ctx, s.cfg.ExportTimeout)
	reader, writer := io.Pipe()
	x.http.Response.Header.SetContentType(mimeNDJSON)
	x.http.Response.SetBodyStream(reader, -1)
	done := *x
	done.http = nil // it belongs to the next request by then
	go func() {
		defer cancel()
		sent, err := sendLines(ctx, writer, write)
		s.log(&done, fasthttp.StatusOK, sent, err)
		_ = writer.CloseWithError(err)
	}()
}

// sendLines counts the bytes that write sent. A panic of write is its error:
// nobody else would catch it here.
func sendLines(ctx context.Context, to io.Writer, write func(ctx context.Context, send func(line any) error) error) (sent int, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicError(p)
		}
	}()
	out := bufio.NewWriterSize(to, streamBuffer)
	err = write(ctx, func(line any) error {
		text, err := json.Marshal(line, json.Deterministic(true))
		if err != nil {
			return err
		}
		n, err := out.Write(append(text, '\n'))
		sent += n
		return err
	})
	if err != nil {
		return sent, err
	}
	return sent, out.Flush()
}
