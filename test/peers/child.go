package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/raven-memory/raven/test/locomo"
)

// child is a peer in a process of its own, with whatever that starts: requests and
// answers are lines of JSON on its input and output.
type child struct {
	cmd    *exec.Cmd
	dir    string
	input  io.WriteCloser
	said   strings.Builder // to standard error; read when the process has ended
	ended  chan struct{}
	mu     sync.Mutex
	number int
	asked  map[int]chan reply
}

// request is a line of the input.
type request struct {
	Number int    `json:"n"`
	Op     string `json:"op"`
	Query  string `json:"query,omitempty"`
	Limit  int    `json:"limit,omitempty"`
	entry
}

// reply is a line of the output.
type reply struct {
	Number int      `json:"n"`
	Result []string `json:"result"`
	Error  string   `json:"error,omitempty"`
}

// startChild starts a process that keeps its data in dir and sees nothing of this
// one's environment but the path.
func startChild(dir string, env []string, command string, args ...string) (*child, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	c := &child{dir: dir, ended: make(chan struct{}), asked: map[int]chan reply{}}
	c.cmd = exec.Command(command, args...) //nolint:gosec,noctx // our own; it is killed by its group
	c.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(dir), "DIR=" + dir}, env...)
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.cmd.Stderr = &c.said
	output, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if c.input, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go c.follow(output)
	return c, nil
}

// follow hands each answer to who asked, and reaps the process.
func (c *child) follow(output io.Reader) {
	for lines := bufio.NewReader(output); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		var r reply
		if json.Unmarshal(line, &r) != nil {
			continue // something that a library prints
		}
		c.mu.Lock()
		asked := c.asked[r.Number]
		delete(c.asked, r.Number)
		c.mu.Unlock()
		if asked != nil {
			asked <- r
		}
	}
	_ = c.cmd.Wait()
	close(c.ended)
}

func (c *child) ask(ctx context.Context, r request) ([]string, error) {
	answer := make(chan reply, 1)
	c.mu.Lock()
	c.number++
	r.Number = c.number
	c.asked[r.Number] = answer
	line, err := json.Marshal(r)
	if err == nil {
		_, err = c.input.Write(append(line, '\n'))
	}
	c.mu.Unlock()
	if err != nil {
		return nil, err
	}
	select {
	case got := <-answer:
		if got.Error != "" {
			return nil, errors.New(got.Error)
		}
		return got.Result, nil
	case <-c.ended:
		return nil, fmt.Errorf("it ended (%v) and said: %s", c.cmd.ProcessState, c.said.String())
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *child) add(ctx context.Context, e entry) error {
	_, err := c.ask(ctx, request{Op: "add", entry: e})
	return err
}

func (c *child) settle(context.Context) error { return nil }

func (c *child) search(ctx context.Context, how, user, question string) ([]string, error) {
	return c.ask(ctx, request{Op: how, Query: question, Limit: locomo.Limit, entry: entry{User: user}})
}

func (c *child) turns(ctx context.Context, user string) ([]string, error) {
	return c.ask(ctx, request{Op: "turns", entry: entry{User: user}})
}

// kill ends the process and those that it started.
func (c *child) kill() {
	_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
	<-c.ended
}

func (c *child) close() (int64, error) {
	_ = c.input.Close()
	select {
	case <-c.ended:
	case <-time.After(30 * time.Second):
		c.kill()
	}
	return size(c.dir)
}

// size is of all files in a directory.
func size(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}
