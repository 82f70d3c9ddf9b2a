package main

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"path/filepath"

	"github.com/gofiber/fiber/v2"
	goredis "github.com/redis/go-redis/v9"
	driver "modernc.org/sqlite"
)

// serveFloors is the bare server, a process of its own as the server is one:
// /echo gives the body back, /commit does so when it is durable.
func serveFloors(folder, redis string) error {
	commit, err := commitSQLite(folder)
	if redis != "" {
		commit, err = commitRedis(redis)
	}
	if err != nil {
		return err
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Post("/echo", func(c *fiber.Ctx) error { return c.Send(c.Body()) })
	app.Post("/commit", func(c *fiber.Ctx) error {
		if err := commit(c.Body()); err != nil {
			return err
		}
		return c.Send(c.Body())
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("http://%s/\n", ln.Addr())
	return app.Listener(ln)
}

// commitRedis pushes the body by a script.
func commitRedis(url string) (func(body []byte) error, error) {
	opt, err := goredis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	client := goredis.NewClient(opt)
	push := goredis.NewScript("return redis.call('RPUSH', KEYS[1], ARGV[1])")
	return func(body []byte) error {
		return push.Run(context.Background(), client, []string{"floor"}, body).Err()
	}, nil
}

// insertion is a body that waits for the commit it is in.
type insertion struct {
	body []byte
	done chan error
}

// commitSQLite inserts the body, in a transaction with all that wait for one, as
// durably as the embedded store does.
func commitSQLite(folder string) (func(body []byte) error, error) {
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
	var statements [3]*sql.Stmt
	for i, query := range []string{"BEGIN IMMEDIATE", "INSERT INTO entries (body) VALUES (?)", "COMMIT"} {
		if statements[i], err = conn.PrepareContext(ctx, query); err != nil {
			return nil, err
		}
	}
	queue := make(chan insertion, 1024)
	go commitAll(queue, statements[0], statements[1], statements[2])
	return func(body []byte) error {
		in := insertion{body, make(chan error, 1)}
		queue <- in
		return <-in.done
	}, nil
}

func commitAll(queue chan insertion, begin, insert, commit *sql.Stmt) {
	for in := range queue {
		_, err := begin.Exec()
		batch := []insertion{in}
		for more := true; more; {
			if _, failed := insert.Exec(in.body); failed != nil {
				err = failed
			}
			select {
			case in = <-queue:
				batch = append(batch, in)
			default:
				more = false
			}
		}
		if _, failed := commit.Exec(); failed != nil {
			err = failed
		}
		for _, in := range batch {
			in.done <- err
		}
	}
}
