package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/raven-memory/raven/core"
)

// The formats of --output.
const (
	outputFlag = "output"
	outputText = "text"
	outputJSON = "json"
)

// addOutput gives a command, and those below it, --output.
func addOutput(root *cobra.Command) {
	root.PersistentFlags().String(outputFlag, outputText, "how results and errors are printed: text or json")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		switch format, _ := cmd.Flags().GetString(outputFlag); format {
		case outputText, outputJSON:
			return nil
		default:
			return usageError{fmt.Errorf("--output is text or json, not %q", format)}
		}
	}
	_ = root.RegisterFlagCompletionFunc(outputFlag, cobra.FixedCompletions([]string{outputText, outputJSON}, cobra.ShellCompDirectiveNoFileComp))
}

// output prints a command's result, for people or for programs.
type output struct {
	to   io.Writer
	json bool
}

func outputOf(cmd *cobra.Command) *output {
	format, _ := cmd.Flags().GetString(outputFlag)
	return &output{to: cmd.OutOrStdout(), json: format == outputJSON}
}

func (o *output) print(result any, text string, args ...any) error {
	if o.json {
		e := json.NewEncoder(o.to)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(result)
	}
	_, err := fmt.Fprintf(o.to, text, args...)
	return err
}

// table prints rows under a header, or the result.
func (o *output) table(result any, header string, rows [][]any) error {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, header)
	for _, row := range rows {
		cells := make([]string, 0, len(row))
		for _, cell := range row {
			cells = append(cells, fmt.Sprint(cell))
		}
		_, _ = fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	_ = w.Flush() // it writes to memory
	return o.print(result, "%s", text.String())
}

// failedError is a command that did its work and found that something is wrong:
// what that is, it has printed already.
type failedError struct{ error }

// failureJSON is an error as --output json prints it.
type failureJSON struct {
	Error struct {
		Code    string `json:"code"` // one of core's, "usage" or "failed"
		Message string `json:"message"`
		Hint    string `json:"hint,omitempty"`
	} `json:"error"`
}

// printFailure says on one line what went wrong.
func printFailure(to io.Writer, err error, asJSON bool) {
	var f failureJSON
	f.Error.Code, f.Error.Message, f.Error.Hint = codeOf(err), oneLine(err.Error()), hintOf(err)
	var known *core.Error
	if errors.As(err, &known) && known.Error() == err.Error() { // nothing is said around it
		f.Error.Message = oneLine(known.Message)
	}
	if asJSON {
		e := json.NewEncoder(to)
		e.SetEscapeHTML(false)
		_ = e.Encode(f) //nolint:errchkjson // who does not listen hears nothing
		return
	}
	text := "raven: " + f.Error.Message
	if f.Error.Hint != "" {
		text += "; " + f.Error.Hint
	}
	_, _ = fmt.Fprintln(to, text)
}

func codeOf(err error) string {
	var usage usageError
	var known *core.Error
	switch {
	case errors.As(err, &known):
		return string(known.Code)
	case errors.As(err, &usage):
		return "usage"
	default:
		return "failed"
	}
}

// hinted is an error with what to do about it.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

func hintOf(err error) string {
	var known *core.Error
	var own hinted
	switch {
	case errors.As(err, &own):
		return own.hint
	case !errors.As(err, &known):
		return ""
	case known.Code == core.CodeUnavailable || known.Code == core.CodeKeyManagement:
		return "raven doctor says what can't be reached"
	default:
		return ""
	}
}

// oneLine joins the lines of a text.
func oneLine(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch so := out.String(); {
		case line == "":
			continue
		case so == "":
		case strings.HasSuffix(so, ":"):
			out.WriteString(" ")
		default:
			out.WriteString("; ")
		}
		out.WriteString(line)
	}
	return out.String()
}

// wantsJSON reports whether arguments ask for JSON, also where they are wrong
// otherwise.
func wantsJSON(args []string) bool {
	for i, arg := range args {
		if arg == "--" {
			break
		}
		if arg == "--output="+outputJSON || arg == "--output" && i+1 < len(args) && args[i+1] == outputJSON {
			return true
		}
	}
	return false
}

// isTerminal reports whether people look at what is written.
func isTerminal(to *os.File) bool {
	info, err := to.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && to.Name() != os.DevNull
}
