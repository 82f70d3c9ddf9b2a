package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

const maxFileBytes = 1 << 20

// file reads a YAML file. Keys may be nested, dotted or both.
func (l *loader) file(path string) {
	if path == "" {
		return
	}
	raw, err := readFile(path)
	if err != nil {
		l.problems.add(path, "", "%v", err)
		return
	}
	f := yamlFile{loader: l, path: path, lines: map[string]int{}}
	root, err := f.parse(raw)
	switch {
	case err != nil:
		l.problems.add(path, "", "%v", err)
	case root != nil:
		f.section("", root)
	}
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fileError(err)
	}
	defer file.Close() //nolint:errcheck // it was only read
	raw, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err != nil {
		return nil, fileError(err)
	}
	if len(raw) > maxFileBytes {
		return nil, fmt.Errorf("the file is larger than %d bytes", maxFileBytes)
	}
	return raw, nil
}

type yamlFile struct {
	*loader
	path  string
	lines map[string]int // key → line that gave it
}

var yamlLine = regexp.MustCompile(`line \d+`)

// parse gives the document's mapping, or nil for an empty file. Of the
// parser's own words it passes on the line only: they may quote the file.
func (f *yamlFile) parse(raw []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	var document, more yaml.Node
	err := decoder.Decode(&document)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		if line := yamlLine.FindString(err.Error()); line != "" {
			return nil, fmt.Errorf("the file is not valid YAML, near %s", line)
		}
		return nil, errors.New("the file is not valid YAML")
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("the file holds more than one YAML document")
	}
	root := document.Content[0]
	if isNull(root) {
		return nil, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, errors.New("the file does not hold keys and values, such as http.addr: 127.0.0.1:3000")
	}
	return root, nil
}

// section sets what a mapping holds; prefix is "" or ends in a dot.
func (f *yamlFile) section(prefix string, mapping *yaml.Node) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, node := mapping.Content[i], mapping.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			f.problems.add(f.path, f.at(key), "a key must be a plain word")
			continue
		}
		f.entry(prefix+key.Value, key, node)
	}
}

func (f *yamlFile) entry(name string, key, node *yaml.Node) {
	_, isKey := f.keys[name]
	switch {
	case node.Kind == yaml.AliasNode:
		f.problems.add(shown(name), f.at(node), "aliases are not taken")
	case !isKey && node.Kind == yaml.MappingNode && len(node.Content) > 0:
		f.section(name+".", node)
	case !isKey && f.isSection(name):
		if !isNull(node) && node.Kind != yaml.MappingNode {
			f.problems.add(name, f.at(key), "is a section of keys, not a key")
		}
	case !isKey:
		f.set(name, f.at(key), "") // says so
	case f.lines[name] != 0:
		f.problems.add(name, f.at(key), "is given twice; line %d has it too", f.lines[name])
	default:
		f.lines[name] = key.Line
		f.leaf(name, key, node)
	}
}

func (f *yamlFile) leaf(name string, key, node *yaml.Node) {
	text, ok := scalar(node)
	switch {
	case isNull(node):
		f.problems.add(name, f.at(key), "has no value; leave the key out, or write \"\" for an empty one")
	case !ok || !strings.HasPrefix(node.Tag, "!!"):
		f.problems.add(name, f.at(key), "must be one value, or a list of plain values where the key takes a list")
	default:
		f.set(name, f.at(key), text)
	}
}

// scalar gives a value as text; a list's values are joined by commas.
func scalar(node *yaml.Node) (string, bool) {
	switch node.Kind {
	case yaml.ScalarNode:
		return node.Value, true
	case yaml.SequenceNode:
		items := make([]string, len(node.Content))
		for i, item := range node.Content {
			if item.Kind != yaml.ScalarNode || isNull(item) {
				return "", false
			}
			items[i] = item.Value
		}
		return strings.Join(items, ","), true
	default:
		return "", false
	}
}

func isNull(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.Tag == "!!null" }

func (f *yamlFile) isSection(name string) bool {
	for _, key := range f.names {
		if strings.HasPrefix(key, name+".") {
			return true
		}
	}
	return false
}

func (f *yamlFile) at(node *yaml.Node) string { return fmt.Sprintf("file %s:%d", f.path, node.Line) }
