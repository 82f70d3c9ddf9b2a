package process

import (
	"bufio"
	"fmt"
	"os/exec"
	"strings"
)

// Floor is a bare server that a figure is held against.
type Floor struct {
	URL string

	cmd *exec.Cmd
}

// StartFloor runs a command that prints its URL as its first line.
func StartFloor(command string, args ...string) (*Floor, error) {
	f := &Floor{cmd: exec.Command(command, args...)} //nolint:gosec // the measuring program itself
	out, err := f.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := f.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		f.Stop()
		return nil, fmt.Errorf("the floor says no address: %w", err)
	}
	f.URL = strings.TrimSpace(line)
	return f, nil
}

// Pid is the floor's process id.
func (f *Floor) Pid() int { return f.cmd.Process.Pid }

// Stop ends the floor.
func (f *Floor) Stop() {
	_ = f.cmd.Process.Kill()
	_ = f.cmd.Wait()
}
