package fiberhttp

import (
	"fmt"
	"sync"
)

// description is what the API says of itself.
type description struct {
	openAPI []byte
	docs    page
}

var (
	describing   sync.Mutex
	descriptions = map[string]description{} // by version
)

// describe makes a version's description once in a process: it is the same for
// every server.
func describe(version string) (d description, err error) {
	describing.Lock()
	defer describing.Unlock()
	d, known := descriptions[version]
	if known {
		return d, nil
	}
	table := routes()
	doc := newDocument(table, version)
	if d.openAPI, err = doc.MarshalJSON(); err != nil {
		return d, fmt.Errorf("building the OpenAPI document: %w", err)
	}
	if d.docs, err = renderDocs(table, doc); err != nil {
		return d, fmt.Errorf("building the API's pages: %w", err)
	}
	descriptions[version] = d
	return d, nil
}
