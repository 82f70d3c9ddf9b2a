// Package arch checks that the tree keeps to the dependency rule: which folder
// may import what, who may read the clock and the environment, and what may
// stand at the top. It reads the sources themselves, so that no build tag
// hides a file from it.
package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Check lists all that breaks the rules in a tree, sorted, each as "file: what
// is wrong". A file that does not parse is an error.
func Check(tree fs.FS) ([]string, error) {
	ignored, err := ignoredNames(tree)
	if err != nil {
		return nil, err
	}
	c := checker{comments: map[string][]string{}}
	if err := c.top(tree, ignored); err != nil {
		return nil, err
	}
	err = fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && (isHidden(entry.Name()) || isIgnored(ignored, name)):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		return c.file(tree, name)
	})
	if err != nil {
		return nil, err
	}
	c.packageComments()
	slices.Sort(c.breaches)
	return c.breaches, nil
}

type checker struct {
	breaches []string
	comments map[string][]string // folder → files with a package comment
}

func (c *checker) add(file, format string, args ...any) {
	c.breaches = append(c.breaches, file+": "+fmt.Sprintf(format, args...))
}

func (c *checker) top(tree fs.FS, ignored []string) error {
	entries, err := fs.ReadDir(tree, ".")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasPrefix(name, ".") && !slices.Contains(topLevel, name) && !isIgnored(ignored, name) {
			c.add(name, "has no place at the top of the tree")
		}
	}
	return nil
}

func (c *checker) file(tree fs.FS, name string) error {
	source, err := fs.ReadFile(tree, name)
	if err != nil {
		return err
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ParseComments)
	if err != nil {
		return err
	}
	folder := path.Dir(name)
	r, ok := ruleOf(folder)
	if !ok {
		c.add(name, "no package may be in %s", folder)
		return nil
	}
	if file.Name.Name == "main" && !matchesAny(commands, folder) {
		c.add(name, "only %s holds a command", commands[0])
	}
	if strings.HasSuffix(name, "_test.go") {
		return nil
	}
	if _, ok := c.comments[folder]; !ok {
		c.comments[folder] = nil
	}
	if file.Doc != nil {
		c.comments[folder] = append(c.comments[folder], path.Base(name))
	}
	c.imports(r, name, file)
	c.mentions(name, file)
	return nil
}

func (c *checker) imports(r rule, name string, file *ast.File) {
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			imported = spec.Path.Value
		}
		if why := r.refuses(path.Dir(name), imported); why != "" {
			c.add(name, "imports %s: %s", imported, why)
		}
	}
}

// refuses says why a package in folder must not import a path, or "".
func (r rule) refuses(folder, imported string) string {
	ours, isOurs := strings.CutPrefix(imported, module+"/")
	first, _, _ := strings.Cut(imported, "/")
	switch {
	case imported == "C":
		return "the product is built without cgo"
	case isWithin(testsOnly, imported) && !matches("test/*", folder):
		return "it is for tests"
	case isOurs && !matchesAny(r.ours, ours) && !r.sameFamily(folder, ours):
		return fmt.Sprintf("%s may import of ours: %s", r.folder, list(r.ours))
	case isOurs:
		return ""
	case strings.Contains(first, "."):
		if !isWithin(r.thirdParty, imported) && !slices.Equal(r.thirdParty, anything) {
			return fmt.Sprintf("%s may import of others: %s", r.folder, list(r.thirdParty))
		}
	case r.onlyStd != nil && !slices.Contains(r.onlyStd, imported):
		return fmt.Sprintf("%s may import of the standard library: %s", r.folder, list(r.onlyStd))
	case isWithin(r.notStd, imported) && !isWithin(computing, imported):
		return fmt.Sprintf("%s must not reach the machine, the network or chance", r.folder)
	}
	return ""
}

// sameFamily reports whether both folders are in one family of the rule.
func (r rule) sameFamily(a, b string) bool {
	if base, ok := strings.CutSuffix(r.folder, "/*"); ok {
		return matches(r.folder, b) && member(base, a) == member(base, b)
	}
	return matches(r.folder, b)
}

// member is the part of folder right below base.
func member(base, folder string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(folder, base+"/"), "/")
	return name
}

// mentions finds names that a folder must not use, called or not.
func (c *checker) mentions(name string, file *ast.File) {
	for _, u := range uses {
		if !matchesAny(u.folders, path.Dir(name)) || matchesAny(u.except, path.Dir(name)) {
			continue
		}
		local := localName(file, u.pkg)
		if local == "." {
			c.add(name, "imports %s into its own names", u.pkg)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, ok := s.X.(*ast.Ident)
			if ok && local != "" && x.Name == local && x.Obj == nil && slices.Contains(u.names, s.Sel.Name) {
				c.add(name, "uses %s.%s: %s", u.pkg, s.Sel.Name, u.because)
			}
			return true
		})
	}
}

// localName is the name that file gives to an imported package; "" for none.
func localName(file *ast.File, pkg string) string {
	for _, spec := range file.Imports {
		if spec.Path.Value != strconv.Quote(pkg) {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(pkg)
	}
	return ""
}

func (c *checker) packageComments() {
	for folder, files := range c.comments {
		if len(files) != 1 {
			c.add(folder, "has a package comment in %d files, not in one: %s", len(files), list(files))
		}
	}
}

func ruleOf(folder string) (rule, bool) {
	i := slices.IndexFunc(rules, func(r rule) bool { return matches(r.folder, folder) })
	if i < 0 {
		return rule{}, false
	}
	return rules[i], true
}

// matches reports whether a folder is one of the pattern's, which is written
// as rule.folder is.
func matches(pattern, folder string) bool {
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return folder == base || strings.HasPrefix(folder, base+"/")
	}
	if base, ok := strings.CutSuffix(pattern, "/*"); ok {
		return strings.HasPrefix(folder, base+"/")
	}
	return folder == pattern
}

func matchesAny(patterns []string, folder string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, folder) })
}

// isWithin reports whether an import path is one of the list or below one.
func isWithin(paths []string, imported string) bool {
	return slices.ContainsFunc(paths, func(p string) bool { return imported == p || strings.HasPrefix(imported, p+"/") })
}

func list(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}

// isHidden follows the go command, which looks into no such folder.
func isHidden(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata"
}

// ignoredNames are the patterns of the tree's .gitignore, without slashes at
// their ends.
func ignoredNames(tree fs.FS) ([]string, error) {
	text, err := fs.ReadFile(tree, ".gitignore")
	if err != nil {
		return nil, err
	}
	var patterns []string
	for line := range strings.Lines(string(text)) {
		if line = strings.Trim(strings.TrimSpace(line), "/"); line != "" && !strings.HasPrefix(line, "#") {
			patterns = append(patterns, line)
		}
	}
	return patterns, nil
}

func isIgnored(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, name)
		return err == nil && ok
	})
}
