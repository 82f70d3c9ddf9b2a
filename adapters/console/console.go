// Package console holds the web console: a page that works on Raven's own HTTP
// API with an API key that its user pastes. It is plain HTML, CSS and
// JavaScript modules, served as they stand here; nothing builds them and nothing
// is loaded from elsewhere.
package console

import (
	"embed"
	"io/fs"
)

//go:embed assets
var assets embed.FS

// Files gives the console's files; index.html is the page, which refers to the
// others relative to itself as console/….
func Files() fs.FS {
	files, err := fs.Sub(assets, "assets")
	if err != nil { // the name is a constant, and valid
		panic(err)
	}
	return files
}
