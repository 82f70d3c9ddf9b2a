package main

import (
	"os"
	"strings"
)

const heading = "\n## "

// page is the text of each section, by its title.
type page map[string]string

// readPage reads a page that was written before; without one it is empty.
func readPage(file string) page {
	p := page{}
	raw, err := os.ReadFile(file) //nolint:gosec // the page itself
	if err != nil {
		return p
	}
	for _, part := range strings.Split(string(raw), heading)[1:] {
		title, text, _ := strings.Cut(part, "\n\n")
		p[title] = text
	}
	return p
}

// write writes the sections that the page has of the list, in its order.
func (p page) write(file string, list []section) error {
	var out strings.Builder
	out.WriteString(head)
	for _, s := range list {
		if text, ok := p[s.title]; ok {
			out.WriteString(heading + s.title + "\n\n" + strings.TrimRight(text, "\n") + "\n")
		}
	}
	return os.WriteFile(file, []byte(out.String()), 0o644) //nolint:gosec // a document for everybody
}

// head says what the page is.
const head = `# Results

Every claim of Raven, with the command that tries to break or to measure it and what it said. Made by ` + "`make proof`" + `; ` + "`make proof-long`" + ` does the same for hours, ` + "`go run ./test/proof -only …`" + ` runs single sections anew. Commands with variables before them run as they stand. Seeds are printed with the figures.

Machines were shared with their hosts' other guests: figures of speed are good for comparing within one table, where the floors were measured in turn with what stands beside them.
`
