package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// stopWithin is how long a server may take to stop.
const stopWithin = 10 * time.Second

// startServer builds the server into a temporary directory and starts it there
// on free ports of the loopback. stop ends it and removes the directory.
func startServer(ctx context.Context) (url string, stop func(), err error) {
	dir, err := os.MkdirTemp("", "raven-recall-")
	if err != nil {
		return "", nil, err
	}
	clean := func() { _ = os.RemoveAll(dir) }
	binary := filepath.Join(dir, "raven")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/raven-memory/raven/app/raven")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		clean()
		return "", nil, fmt.Errorf("building the server: %w", err)
	}
	url, end, err := serve(ctx, binary, filepath.Join(dir, "data"))
	if err != nil {
		clean()
		return "", nil, err
	}
	return url, func() { end(); clean() }, nil
}

// serve runs the binary until end is called, and gives its address.
func serve(ctx context.Context, binary, data string) (url string, end func(), err error) {
	server := exec.CommandContext(ctx, binary, "serve")
	server.Env = append(os.Environ(),
		"RAVEN_HTTP_ADDR=127.0.0.1:0", "RAVEN_ADMIN_ADDR=127.0.0.1:0", "RAVEN_DATA_DIR="+data)
	server.Cancel = func() error { return server.Process.Signal(syscall.SIGTERM) }
	server.WaitDelay = stopWithin
	log, err := server.StderrPipe()
	if err != nil {
		return "", nil, err
	}
	if err := server.Start(); err != nil {
		return "", nil, err
	}
	read := bufio.NewReader(log)
	addr, err := listening(read)
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.Copy(io.Discard, read)
	}()
	end = func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		<-drained
		_ = server.Wait()
	}
	if err != nil {
		end()
		return "", nil, err
	}
	return "http://" + addr, end, nil
}

// listening reads the log until it tells the address of the HTTP listener.
func listening(log *bufio.Reader) (string, error) {
	var seen []byte
	for {
		line, err := log.ReadBytes('\n')
		seen = append(seen, line...)
		var entry struct{ Msg, Listener, Addr string }
		if json.Unmarshal(line, &entry) == nil && entry.Msg == "listening" && entry.Listener == "http" {
			return entry.Addr, nil
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errors.New("it ended")
			}
			return "", fmt.Errorf("the server did not say where it listens: %w; its log:\n%s", err, seen)
		}
	}
}
