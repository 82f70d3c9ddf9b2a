package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/raven-memory/raven/adapters/importers"
	"github.com/raven-memory/raven/app"
)

func importCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import --format FORMAT --in FILE",
		Short: "Take in what Raven, mem0, Zep or Memobase exported, or plain JSON lines, over the API of a running server.",
		Example: "  export RAVEN_URL=http://localhost:3000 RAVEN_API_KEY=rk_live_…\n" +
			"  raven import --format mem0 --in memories.json\n" +
			"  curl -s $OLD/api/v1/users/ext:ada/export -H \"Authorization: Bearer $OLD_KEY\" | raven import --format raven --in -\n" +
			"  raven import --format jsonl --in chats.jsonl --skip-bad",
		Args: usageArgs(cobra.NoArgs),
	}
	cmd.Long = cmd.Short + "\n\nThe server is at " + envURL + ", and " + envAPIKey + " is an API key of the tenant's, with users:write, conversations:write and memory:*.\n\n" +
		"It may be run again at any time, also after it was cut short: what is there already is not taken in twice. Times are kept. It waits where the server says so.\n\n" +
		"A line of jsonl is an object: user and conversation (ids of your own), role (user, assistant, system or tool), content, and, " +
		"if there are any, name, occurred_at (RFC 3339) and metadata (an object)."
	format := cmd.Flags().String("format", "", "what is in the file: "+strings.Join(importers.Formats(), ", "))
	file := cmd.Flags().String("in", "", "the file; - is the standard input")
	user := cmd.Flags().String("user", "", "whose the records are that name no user")
	skip := cmd.Flags().Bool("skip-bad", false, "go on past what can't be taken in, saying each line of it")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(importers.Formats(), cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		opt := app.ImportOptions{Format: *format, User: *user, URL: serverURL(), APIKey: os.Getenv(envAPIKey)}
		switch {
		case !slices.Contains(importers.Formats(), *format):
			return usageError{fmt.Errorf("--format is one of %s", strings.Join(importers.Formats(), ", "))}
		case *file == "":
			return usageError{errors.New("--in is missing")}
		case opt.APIKey == "":
			return usageError{errors.New(envAPIKey + " is not set")}
		}
		if err := checkServerURL(opt.URL); err != nil {
			return usageError{err}
		}
		return runImport(cmd, opt, *file, *skip)
	}
	return cmd
}

func runImport(cmd *cobra.Command, opt app.ImportOptions, file string, skip bool) error {
	in, size := os.Stdin, int64(0)
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer f.Close() //nolint:errcheck // it was only read
		in = f
		if info, err := f.Stat(); err == nil {
			size = info.Size()
		}
	}
	counted := &counting{from: in}
	opt.In = counted
	b := newBar(os.Stderr, "importing")
	if skip {
		opt.Bad = func(line int, problem string) {
			b.end()
			fmt.Fprintf(os.Stderr, "line %d: %s\n", line, oneLine(problem))
		}
	}
	opt.Waiting = func(why error, wait time.Duration) {
		b.end()
		fmt.Fprintf(os.Stderr, "the server at %s (%s) does not answer, and is asked again in %s: %s\n", opt.URL, envURL, wait, oneLine(reason(why)))
	}
	r, err := app.Import(cmd.Context(), opt, func(r app.ImportResult) {
		if size > 0 {
			b.show(counted.read, size, fmt.Sprintf("bytes, %d interactions, %d facts", r.Interactions, r.Facts))
		} else {
			b.show(r.Interactions+r.Facts, 0, "interactions and facts")
		}
	})
	b.end()
	if err != nil {
		return fmt.Errorf("%w; %d interactions and %d facts were taken in, and running it again goes on from there", err, r.Interactions, r.Facts)
	}
	if r.Interactions+r.Facts+r.There+r.Bad == 0 && counted.read > 0 && opt.Format != "raven" { // its users may have said nothing
		return fmt.Errorf("no interaction and no fact was taken in: %s holds none as --format %s has them; is it of another format?", file, opt.Format)
	}
	return outputOf(cmd).print(r, "Took in %d interactions and %d facts, of %d new users and %d new conversations; %d were there already, %d can't be taken in.\n",
		r.Interactions, r.Facts, r.Users, r.Conversations, r.There, r.Bad)
}

// reason is why a request failed, without what it was.
func reason(err error) string {
	var whole *url.Error
	if errors.As(err, &whole) {
		return whole.Err.Error()
	}
	return err.Error()
}

// counting counts what is read.
type counting struct {
	from io.Reader
	read int64
}

// Read implements io.Reader.
func (c *counting) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.read += int64(n)
	return n, err
}
