package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/raven-memory/raven/test/modelserver"
)

// hashDimensions are those of the small models that people run themselves.
const hashDimensions = 384

// model is a stand-in for a server of embedding models, on this machine.
type model struct {
	name, what string
	url        string
	dimensions int
	asked      func() int
	stop       func()
}

// startModel serves a stand-in.
func startModel(name, what string, s *modelserver.Server) (*model, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // at once
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(ln) }()
	return &model{
		name: name, what: what, url: "http://" + ln.Addr().String(), dimensions: s.Dimensions,
		asked: func() int { return s.Calls("/embeddings") }, stop: func() { _ = server.Close() },
	}, nil
}

func hashModel() (*model, error) {
	return startModel("hashed-words",
		fmt.Sprintf("hashed words: one fixed random vector a word, %d dimensions", hashDimensions), &modelserver.Server{Dimensions: hashDimensions})
}

func wordModel(path string) (*model, error) {
	s, err := modelserver.NewWithWordVectors(path)
	if err != nil {
		return nil, err
	}
	return startModel("averaged-words", fmt.Sprintf("GloVe's word vectors, averaged, %d dimensions", s.Dimensions), s)
}

// settle waits until nobody has asked for vectors for a while.
func (m *model) settle(ctx context.Context) error {
	const quiet = 3 * time.Second
	tick := time.NewTicker(quiet)
	defer tick.Stop()
	for before := -1; ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.New("vectors do not come to an end")
		}
		now := m.asked()
		if now == before {
			return nil
		}
		before = now
	}
}
