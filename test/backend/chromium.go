package backend

import (
	"fmt"
	"os/exec"
)

// Chromium finds a Chromium or Chrome for tests of pages, and installs one where
// it is missing and that can be done. Run it without its sandbox: as root it has
// none.
func Chromium() (path string, err error) {
	if path, err = lookupChromium(); err == nil {
		return path, nil
	}
	if err = aptInstall("chromium"); err == nil {
		path, err = lookupChromium()
	}
	if err != nil {
		return "", fmt.Errorf("there is no Chromium on this machine (%w): install the package chromium, or Chrome", err)
	}
	return path, nil
}

func lookupChromium() (path string, err error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err = exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", err
}
