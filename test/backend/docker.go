package backend

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/ory/dockertest/v3"
	"github.com/ory/dockertest/v3/docker"
)

// lifetime is when Docker ends a container that its test has left behind.
const lifetime = 30 * time.Minute

// image is a server's image. It is looked for once in a process.
type image struct {
	repository, tag string
	port            docker.Port

	once sync.Once
	pool *dockertest.Pool
	err  error
}

var (
	redisImage    = &image{repository: "redis", tag: "7", port: "6379/tcp"}
	postgresImage = &image{repository: "postgres", tag: "15", port: "5432/tcp"}
)

func (i *image) String() string { return i.repository + ":" + i.tag }

// required tells that nothing but Docker may serve.
func required() bool { return os.Getenv("RAVEN_TEST_DOCKER") == "require" }

// find finds an engine that has the image.
func (i *image) find() (*dockertest.Pool, error) {
	i.once.Do(func() {
		if os.Getenv("RAVEN_TEST_DOCKER") == "off" {
			i.err = errors.New("RAVEN_TEST_DOCKER is off")
			return
		}
		if i.pool, i.err = engine(); i.err == nil {
			i.err = i.pull()
		}
	})
	return i.pool, i.err
}

// engine is the Docker engine, if it answers soon.
func engine() (*dockertest.Pool, error) {
	pool, err := dockertest.NewPool("")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := pool.Client.PingWithContext(ctx); err != nil {
		return nil, fmt.Errorf("no Docker engine answers: %w", err)
	}
	return pool, nil
}

func (i *image) pull() error {
	if _, err := i.pool.Client.InspectImage(i.String()); err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	err := i.pool.Client.PullImage(docker.PullImageOptions{
		Repository: i.repository, Tag: i.tag, Context: ctx,
	}, docker.AuthConfiguration{})
	if err != nil {
		return fmt.Errorf("pulling %s: %w", i, err)
	}
	return nil
}

// container is a server's process in a container, which keeps its data there.
type container struct {
	pool    *dockertest.Pool
	options dockertest.RunOptions

	resource *dockertest.Resource // nil before the first start
}

// container makes one whose port is bound to port of the loopback.
func (i *image) container(port int, env, command []string) (*container, error) {
	pool, err := i.find()
	if err != nil {
		return nil, err
	}
	bound := docker.PortBinding{HostIP: "127.0.0.1", HostPort: strconv.Itoa(port)}
	return &container{pool: pool, options: dockertest.RunOptions{
		Repository: i.repository, Tag: i.tag, Env: env, Cmd: command,
		ExposedPorts: []string{string(i.port)},
		PortBindings: map[docker.Port][]docker.PortBinding{i.port: {bound}},
	}}, nil
}

func (c *container) start() (err error) {
	if c.resource != nil {
		return c.pool.Client.StartContainer(c.id(), nil)
	}
	if c.resource, err = c.pool.RunWithOptions(&c.options); err != nil {
		return err
	}
	return c.resource.Expire(uint(lifetime.Seconds()))
}

func (c *container) id() string { return c.resource.Container.ID }

func (c *container) ended() bool {
	seen, err := c.pool.Client.InspectContainer(c.id())
	return err == nil && !seen.State.Running
}

func (c *container) kill() error {
	if c.ended() {
		return nil
	}
	err := c.pool.Client.KillContainer(docker.KillContainerOptions{ID: c.id(), Signal: docker.SIGKILL})
	if err != nil {
		return err
	}
	_, err = c.pool.Client.WaitContainer(c.id())
	return err
}

func (c *container) freeze() error { return c.pool.Client.PauseContainer(c.id()) }
func (c *container) thaw() error   { return c.pool.Client.UnpauseContainer(c.id()) }

func (c *container) remove() {
	if c.resource != nil {
		_ = c.pool.Purge(c.resource)
	}
	c.pool.Client.HTTPClient.CloseIdleConnections()
}

func (c *container) logs() string {
	if c.resource == nil {
		return ""
	}
	var log buffer
	_ = c.pool.Client.Logs(docker.LogsOptions{
		Container: c.id(), Stdout: true, Stderr: true, OutputStream: &log, ErrorStream: &log,
	})
	return log.String()
}
