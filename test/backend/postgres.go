package backend

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// postgresPassword is that of the superuser, postgres.
const postgresPassword = "raven"

// PostgresServer is a PostgreSQL of a test's own.
type PostgresServer struct {
	*Server

	local bool // only a process on this machine will do
}

// PostgresOption changes a PostgreSQL of a test's own.
type PostgresOption func(*PostgresServer)

// PostgresHere makes a PostgreSQL a process on this machine, whose files a test
// reaches.
func PostgresHere(s *PostgresServer) { s.local = true }

// Postgres starts a PostgreSQL that ends with the test. What it acknowledges is
// on disk.
func Postgres(t testing.TB, opts ...PostgresOption) *PostgresServer {
	t.Helper()
	s, err := launchPostgres([]string{"fsync=on"}, opts...)
	if err != nil {
		t.Fatal(err)
	}
	s.attach(t)
	return s
}

var sharedPostgres shared[*PostgresServer]

// SharedPostgres gives the URL of an empty database that is the test's own, on
// a server that all tests of the process share, and drops it when the test ends.
// Roles and settings are the whole server's. A power cut would harm it.
func SharedPostgres(t testing.TB) string {
	t.Helper()
	server := os.Getenv("RAVEN_TEST_POSTGRES_URL")
	if server != "" {
		t.Log("postgres from RAVEN_TEST_POSTGRES_URL")
	} else {
		s := sharedPostgres.take(t, func() (*PostgresServer, error) { return launchPostgres([]string{"fsync=off"}) })
		server = s.URL()
	}
	name := "raven_test_" + rand.Text()
	if err := postgresDo(server, fmt.Sprintf("CREATE DATABASE %q", name)); err != nil {
		t.Fatalf("making a database of postgres: %v", err)
	}
	t.Cleanup(func() {
		if err := postgresDo(server, fmt.Sprintf("DROP DATABASE %q WITH (FORCE)", name)); err != nil {
			t.Errorf("dropping a database of postgres: %v", err)
		}
	})
	return withPath(server, name)
}

// URL is where and as whom a client connects: the superuser's database.
func (s *PostgresServer) URL() string {
	u := url.URL{
		Scheme: "postgres", Host: s.Addr(), Path: "/postgres", RawQuery: "sslmode=disable",
		User: url.UserPassword("postgres", postgresPassword),
	}
	return u.String()
}

func launchPostgres(settings []string, opts ...PostgresOption) (*PostgresServer, error) {
	s := &PostgresServer{}
	for _, opt := range opts {
		opt(s)
	}
	var err error
	s.Server, err = launch("postgres", func(server *Server) error {
		s.Server = server
		server.answer = func() error { return postgresDo(s.URL(), "SELECT 1") }
		return s.prepare(settings)
	})
	return s, err
}

func postgresDo(server, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}

// prepare chooses where the server runs.
func (s *PostgresServer) prepare(settings []string) error {
	var args []string
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	if !s.local {
		c, err := postgresImage.container(s.port, []string{"POSTGRES_PASSWORD=" + postgresPassword},
			append([]string{"postgres"}, args...))
		if err == nil {
			s.run, s.source = c, "docker image "+postgresImage.String()
			return nil
		}
		if required() {
			return err
		}
	}
	path, source, err := postgresProgram.find()
	if err != nil {
		return err
	}
	owner, err := giveAway(s.dir)
	if err != nil {
		return err
	}
	data := filepath.Join(s.dir, "data")
	s.source = source
	s.run = &process{
		path: path, dir: s.dir, owner: owner, quit: syscall.SIGQUIT, family: true,
		args: append(args, "-D", data, "-p", strconv.Itoa(s.port),
			"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="),
	}
	return initdb(filepath.Join(filepath.Dir(path), "initdb"), data, owner)
}

// giveAway gives the directory to somebody whom PostgreSQL runs for, as it
// refuses root.
func giveAway(dir string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, int(uid), int(gid))
}

// initdb makes the directory that a server keeps its data in.
func initdb(program, data string, owner *syscall.Credential) error {
	password := filepath.Join(filepath.Dir(data), "password")
	if err := os.WriteFile(password, []byte(postgresPassword), 0o644); err != nil {
		return err
	}
	cmd := exec.Command(program, "-D", data, "--username=postgres", "--pwfile="+password,
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
	cmd.Dir, cmd.SysProcAttr = filepath.Dir(data), attributes(owner)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

// Restart starts a killed server on the data it has left, and one that runs
// after killing it, and waits until it serves.
func (s *PostgresServer) Restart() {
	s.t.Helper()
	s.must("killing", s.run.kill())
	s.must("restarting", eventually(func() error {
		if err := s.start(); err != nil {
			// It ends at once while a child of the killed one still has its memory.
			return errors.New(err.Error() + "; it said:\n" + s.Logs())
		}
		return nil
	}))
}
