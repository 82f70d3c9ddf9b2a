package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core"
)

// describe writes a command with its flags, and those below it. The flags of the
// configuration are in the configuration's reference.
func describe(out *bytes.Buffer, cmd *cobra.Command) {
	keys := map[string]bool{"config": true}
	for _, k := range config.Table() {
		keys[k.Name] = true
	}
	fmt.Fprintf(out, "%s\n", strings.TrimSpace(cmd.CommandPath()+" "+strings.TrimPrefix(strings.TrimPrefix(cmd.Use, cmd.Name()), " ")))
	configured := false
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		switch {
		case keys[f.Name]:
			configured = true
		case f.Name != "help":
			fmt.Fprintf(out, "    --%s %s = %s\n", f.Name, f.Value.Type(), f.DefValue)
		}
	})
	if configured {
		fmt.Fprintln(out, "    and the configuration's")
	}
	for _, c := range cmd.Commands() {
		describe(out, c)
	}
}

func TestCommandsAndFlagsAreThoseThatScriptsRelyOn(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	describe(&out, rootCommand())
	file := filepath.Join("testdata", "commands.golden")
	if os.Getenv("RAVEN_TEST_UPDATE") != "" {
		if err := os.MkdirAll("testdata", 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || out.String() != string(want) {
		t.Errorf("the commands are\n%s\nand were\n%s%v", out.String(), want, err)
	}
}

func TestEveryCommandIsExplained(t *testing.T) {
	t.Parallel()
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		if cmd.Short == "" {
			t.Errorf("%s has no help", cmd.CommandPath())
		}
		if cmd.HasParent() && cmd.Parent() == cmd.Root() && cmd.Example == "" && !cmd.HasSubCommands() && cmd.Name() != "help" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s has no help", cmd.CommandPath(), f.Name)
			}
		})
		for _, c := range cmd.Commands() {
			visit(c)
		}
	}
	visit(rootCommand())
}

func TestErrorIsOneLineForPeopleAndOneObjectForPrograms(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("the configuration is refused (2):\n  a: no\n\n  b: neither")
	var text, object bytes.Buffer
	printFailure(&text, usageError{err}, false)
	printFailure(&object, usageError{err}, true)
	if want := "raven: the configuration is refused (2): a: no; b: neither\n"; text.String() != want {
		t.Errorf("said %q", text.String())
	}
	if want := `{"error":{"code":"usage","message":"the configuration is refused (2): a: no; b: neither"}}` + "\n"; object.String() != want {
		t.Errorf("said %s", object.String())
	}
	object.Reset()
	printFailure(&object, core.Unavailable(fmt.Errorf("cause")), true)
	if !strings.Contains(object.String(), `"code":"unavailable"`) || !strings.Contains(object.String(), `"hint":"raven doctor`) {
		t.Errorf("said %s", object.String())
	}
}

func TestJSONIsAskedForWhereverTheFlagStands(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		"version --output json": true, "--output=json version": true, "version --output text": false,
		"version": false, "x -- --output json": false, "version --output": false,
	} {
		if got := wantsJSON(strings.Fields(line)); got != want {
			t.Errorf("%q asks for JSON: %v", line, got)
		}
	}
}
