package process

import (
	"bufio"
	"fmt"
	"os/exec"
	"strings"
)

// Floor runs a bare server that a figure is held against: a command that prints
// its URL as its first line. stop ends it.
func Floor(command string, args ...string) (url string, stop func(), err error) {
	cmd := exec.Command(command, args...) //nolint:gosec // the measuring program itself
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return "", nil, fmt.Errorf("the floor says no address: %w", err)
	}
	return strings.TrimSpace(line), stop, nil
}
