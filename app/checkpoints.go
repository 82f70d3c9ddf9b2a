package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core"
)

// publishTimeout bounds the sending of one checkpoint.
const publishTimeout = 10 * time.Second

// publishTo hands checkpoints to where the operator wants copies of them; nil
// for nowhere. A copy that can't be made is tried again with its checkpoint.
func (a *auditing) publishTo(cfg config.Audit) (func(core.TenantID, []byte) error, error) {
	var copies []func(core.TenantID, []byte) error
	if cfg.CheckpointFile != "" {
		file, err := openCheckpointFile(cfg.CheckpointFile)
		if err != nil {
			return nil, fmt.Errorf("audit.checkpoint_file: %w", err)
		}
		before := a.close
		a.close = func() error { return errors.Join(file.close(), before()) }
		copies = append(copies, file.append)
	}
	if cfg.CheckpointURL != "" {
		copies = append(copies, newCheckpointURL(cfg.CheckpointURL.Reveal()).send)
	}
	if len(copies) == 0 {
		return nil, nil
	}
	return func(tenant core.TenantID, note []byte) error {
		for _, publish := range copies {
			if err := publish(tenant, note); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// checkpointFile takes checkpoints in, each followed by an empty line.
type checkpointFile struct {
	mu   sync.Mutex
	file *os.File
}

func openCheckpointFile(path string) (*checkpointFile, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	return &checkpointFile{file: f}, nil
}

// append writes a note, in one piece, so that processes may share the file.
func (c *checkpointFile) append(_ core.TenantID, note []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.file.Write(append(note[:len(note):len(note)], '\n')); err != nil {
		return fmt.Errorf("audit.checkpoint_file: %w", err)
	}
	return c.file.Sync()
}

func (c *checkpointFile) close() error { return c.file.Close() }

// Places in audit.checkpoint_url that stand for what the checkpoint is of.
const (
	ofTenant = "{tenant_id}"
	ofSize   = "{size}"
)

// checkpointURL sends checkpoints to the operator's URL: as an object of a
// bucket, by PUT, where the URL has a place for the size of the log; else to a
// webhook, by POST.
type checkpointURL struct {
	url    string
	method string
	client *http.Client
}

func newCheckpointURL(url string) checkpointURL {
	c := checkpointURL{url: url, method: http.MethodPost, client: &http.Client{
		Timeout:       publishTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if strings.Contains(url, ofSize) {
		c.method = http.MethodPut
	}
	return c
}

func (c checkpointURL) send(tenant core.TenantID, note []byte) error {
	url := strings.NewReplacer(ofTenant, string(tenant), ofSize, sizeOf(note)).Replace(c.url)
	r, err := http.NewRequestWithContext(context.Background(), c.method, url, bytes.NewReader(note))
	if err != nil {
		return errors.New("audit.checkpoint_url: is not a URL") // it may hold a secret
	}
	r.Header.Set("Content-Type", "text/plain; charset=utf-8")
	answer, err := c.client.Do(r)
	if err != nil {
		return errors.New("audit.checkpoint_url: can't be reached")
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10))
	_ = answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("audit.checkpoint_url: answered with status %d", answer.StatusCode)
	}
	return nil
}

// sizeOf reads the size of the log from a checkpoint: its second line.
func sizeOf(note []byte) string {
	lines := strings.SplitN(string(note), "\n", 3)
	if len(lines) < 2 {
		return "0"
	}
	if _, err := strconv.ParseUint(lines[1], 10, 64); err != nil {
		return "0"
	}
	return lines[1]
}
