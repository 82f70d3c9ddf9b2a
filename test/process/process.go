// Package process builds raven and runs it as a process of its own, for tests
// and measurements that meet it as its users do.
package process

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// patience is how long a server may take to listen or to end.
const patience = 60 * time.Second

// Build builds the command into dir, from the module that the working directory
// belongs to, and returns the binary's path. Flags are of go build, which runs
// in the module's directory.
func Build(dir string, flags ...string) (string, error) {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("finding the module: %w", err)
	}
	binary := filepath.Join(dir, "raven")
	args := append(append([]string{"build", "-trimpath", "-o", binary}, flags...), "./app/raven")
	build := exec.Command("go", args...) //nolint:gosec // our own command
	build.Dir = strings.TrimSpace(string(root))
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building raven: %w\n%s", err, out)
	}
	return binary, nil
}

// Command is raven with arguments, a data directory, ports of its own and
// further settings as "NAME=value"; nothing else of the environment that begins
// RAVEN_ reaches it.
func Command(binary string, args []string, dataDir string, env ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...) //nolint:gosec // the binary that Build made
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "RAVEN_") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, "RAVEN_HTTP_ADDR=127.0.0.1:0", "RAVEN_ADMIN_ADDR=127.0.0.1:0", "RAVEN_DATA_DIR="+dataDir)
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

// Server is a running `raven serve`.
type Server struct {
	URL string

	cmd  *exec.Cmd
	log  buffer
	done chan struct{} // closed when the process has ended
}

// Start starts a server and waits until it listens. The error holds what the
// server said.
func Start(binary, dataDir string, env ...string) (*Server, error) {
	cmd := Command(binary, []string{"serve"}, dataDir, env...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &Server{cmd: cmd, done: make(chan struct{})}
	listening := make(chan string, 1)
	go s.follow(stderr, listening)
	select {
	case s.URL = <-listening:
		return s, nil
	case <-s.done:
		return nil, fmt.Errorf("raven ended with %v and said:\n%s", cmd.ProcessState, s.Log())
	case <-time.After(patience):
		s.Kill()
		return nil, fmt.Errorf("raven does not listen; it said:\n%s", s.Log())
	}
}

// follow reads the log to its end, then reaps the process.
func (s *Server) follow(stderr io.Reader, listening chan<- string) {
	said := bufio.NewReader(io.TeeReader(stderr, &s.log))
	for {
		raw, err := said.ReadBytes('\n')
		var line struct{ Msg, URL string }
		if json.Unmarshal(raw, &line) == nil && line.Msg == "listening" {
			listening <- line.URL
			break
		}
		if err != nil {
			break
		}
	}
	_, _ = io.Copy(io.Discard, said)
	_ = s.cmd.Wait()
	close(s.done)
}

// Log is what the server has logged so far.
func (s *Server) Log() string { return s.log.text() }

// Pid is the server's process id.
func (s *Server) Pid() int { return s.cmd.Process.Pid }

// Kill ends the server as a power cut would.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Stop ends the server as an operator would and gives its exit code; -1 when it
// had to be killed.
func (s *Server) Stop() int {
	s.end(syscall.SIGTERM)
	return s.cmd.ProcessState.ExitCode()
}

func (s *Server) end(sig syscall.Signal) {
	_ = s.cmd.Process.Signal(sig)
	select {
	case <-s.done:
	case <-time.After(patience):
		_ = s.cmd.Process.Kill()
		<-s.done
	}
}

// buffer is written and read at the same time.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
