// Command raven is the server and its command line.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/raven-memory/raven/app"
)

// version is set when a release is built.
var version = "dev"

// The exit codes that scripts may rely on.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	if err := forbidCoreDumps(); err != nil {
		fmt.Fprintf(os.Stderr, "raven: a core dump could hold keys and memory, and can't be forbidden: %v\n", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string) int {
	app.Version = version
	root := rootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	var said failedError
	if !errors.As(err, &said) || !wantsJSON(args) { // as JSON, the result says it all
		printFailure(os.Stderr, err, wantsJSON(args))
	}
	var usage usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}
