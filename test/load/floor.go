package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"
	goredis "github.com/redis/go-redis/v9"
	driver "modernc.org/sqlite"
)

// bareStore keeps bodies in the least that a store has to do.
type bareStore interface {
	commit(body []byte) error // returns when body is durable
	clear() error             // lets go of what was committed
}

// serveFloors is the bare server, a process of its own as the server is one.
// /keep/n takes the answer that /echo/n gives at once, and /commit/n when the
// body is durable: the same bytes in, stored and out as of what it is held
// against.
func serveFloors(folder, redis string) error {
	store, err := openBare(folder, redis)
	if err != nil {
		return err
	}
	var answers sync.Map
	answer := func(c *fiber.Ctx) error {
		kept, _ := answers.Load(c.Params("n"))
		body, _ := kept.([]byte)
		c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
		return c.Send(body)
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Post("/keep/:n", func(c *fiber.Ctx) error {
		answers.Store(strings.Clone(c.Params("n")), bytes.Clone(c.Body()))
		return nil
	})
	app.Post("/clear", func(*fiber.Ctx) error { return store.clear() })
	app.Post("/echo/:n", answer)
	app.Post("/commit/:n", func(c *fiber.Ctx) error {
		if err := store.commit(c.Body()); err != nil {
			return err
		}
		return answer(c)
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("http://%s/\n", ln.Addr())
	return app.Listener(ln)
}

func openBare(folder, redis string) (bareStore, error) {
	if redis != "" {
		return openBareRedis(redis)
	}
	return openBareSQLite(folder)
}

// bareRedis pushes the body by a script.
type bareRedis struct{ client *goredis.Client }

var push = goredis.NewScript("return redis.call('RPUSH', KEYS[1], ARGV[1])")

func openBareRedis(url string) (*bareRedis, error) {
	opt, err := goredis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	opt.PoolSize = 32 // as many as the server has
	return &bareRedis{goredis.NewClient(opt)}, nil
}

func (b *bareRedis) commit(body []byte) error {
	return push.Run(context.Background(), b.client, []string{"floor"}, body).Err()
}

func (b *bareRedis) clear() error { return b.client.Unlink(context.Background(), "floor").Err() }

// bareSQLite inserts the body, in a transaction with all that wait for one, as
// durably as the embedded store does.
type bareSQLite struct {
	queue                 chan insertion
	begin, insert, finish *sql.Stmt
}

// insertion is a body that waits for the commit it is in.
type insertion struct {
	body []byte
	done chan error
}

func openBareSQLite(folder string) (*bareSQLite, error) {
	if _, err := driver.Fdatasync(true); err != nil {
		return nil, err
	}
	ctx := context.Background()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(folder, "floor.db")+
		"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=secure_delete(ON)&_pragma=wal_autocheckpoint(4000)")
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, "CREATE TABLE entries (id INTEGER PRIMARY KEY, body BLOB)"); err != nil {
		return nil, err
	}
	b := &bareSQLite{queue: make(chan insertion, 1024)}
	for _, s := range []struct {
		stmt  **sql.Stmt
		query string
	}{{&b.begin, "BEGIN IMMEDIATE"}, {&b.insert, "INSERT INTO entries (body) VALUES (?)"}, {&b.finish, "COMMIT"}} {
		if *s.stmt, err = conn.PrepareContext(ctx, s.query); err != nil {
			return nil, err
		}
	}
	go b.loop()
	return b, nil
}

func (b *bareSQLite) commit(body []byte) error {
	in := insertion{body, make(chan error, 1)}
	b.queue <- in
	return <-in.done
}

func (*bareSQLite) clear() error { return nil } // a file may grow

func (b *bareSQLite) loop() {
	for in := range b.queue {
		_, err := b.begin.Exec()
		batch := []insertion{in}
		for more := true; more; {
			if _, failed := b.insert.Exec(in.body); failed != nil {
				err = failed
			}
			select {
			case in = <-b.queue:
				batch = append(batch, in)
			default:
				more = false
			}
		}
		if _, failed := b.finish.Exec(); failed != nil {
			err = failed
		}
		for _, in := range batch {
			in.done <- err
		}
	}
}
