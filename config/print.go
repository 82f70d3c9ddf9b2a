package config

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Print writes the effective configuration as YAML that Load takes again, each
// value with where it came from; of a secret it shows whether it is set.
func (c *Config) Print(w io.Writer) error {
	root := &yaml.Node{Kind: yaml.MappingNode}
	for _, k := range c.keys() {
		source, ok := c.sources[k.Name]
		if !ok {
			source = sourceDefault
		}
		leaf := &yaml.Node{Kind: yaml.ScalarNode, Value: k.text(), LineComment: "# " + source}
		if strings.Trim(leaf.Value, "0123456789") != "" || leaf.Value == "" {
			leaf.Style = yaml.DoubleQuotedStyle
		}
		insert(root, strings.Split(k.Name, "."), leaf)
	}
	return encode(w, root)
}

// Value is a key's effective value as text, and where it came from; of a secret
// it is whether it is set.
type Value struct {
	Value  string `json:"value"`
	Source string `json:"source"`
}

// Values are the effective configuration, by key.
func (c *Config) Values() map[string]Value {
	values := map[string]Value{}
	for _, k := range c.keys() {
		source, ok := c.sources[k.Name]
		if !ok {
			source = sourceDefault
		}
		values[k.Name] = Value{Value: k.text(), Source: source}
	}
	return values
}

func encode(w io.Writer, root *yaml.Node) error {
	var b bytes.Buffer
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(root); err != nil {
		return fmt.Errorf("config: encode: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// insert puts a leaf at its path below a mapping.
func insert(mapping *yaml.Node, path []string, leaf *yaml.Node) {
	if len(path) == 1 {
		mapping.Content = append(mapping.Content, word(path[0]), leaf)
		return
	}
	for i := 0; i < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == path[0] {
			insert(mapping.Content[i+1], path[1:], leaf)
			return
		}
	}
	inner := &yaml.Node{Kind: yaml.MappingNode}
	mapping.Content = append(mapping.Content, word(path[0]), inner)
	insert(inner, path[1:], leaf)
}

func word(text string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: text} }

// Reference writes the table of all keys as Markdown.
func Reference(w io.Writer) error {
	var b bytes.Buffer
	b.WriteString("| key | default | allowed | |\n|---|---|---|---|\n")
	for _, k := range Table() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Name, code(k.Default), cell(k.allowed), cell(k.describe()))
	}
	_, err := w.Write(b.Bytes())
	return err
}

// describe is the documentation, with what holds for every secret.
func (k Key) describe() string {
	if k.secret {
		return k.Doc + " Secret."
	}
	return k.Doc
}

func code(text string) string {
	if text == "" {
		return "none"
	}
	return "`" + cell(text) + "`"
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
