// Package sqlview lets analysts add read models of their own: a folder with view.yaml, schema.sql, a statement for each event
// type and queries. They are views like those of the portal, written by SQL instead of folds.
package sqlview

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The files of a folder.
const (
	viewFile    = "view.yaml"
	schemaFile  = "schema.sql"
	queriesFile = "queries.sql"
	eventFolder = "on"
	maxFile     = 1 << 20 // bytes; more is a mistake
)

// Definition is an analyst's view as it stands in its folder, and in Postgres.
type Definition struct {
	Name        string            `json:"name" yaml:"name"`
	Version     int               `json:"version" yaml:"version"`
	Description string            `json:"description" yaml:"description"`
	Files       map[string]string `json:"files" yaml:"-"` // by their paths in the folder
}

// Mistake says where a folder is wrong.
type Mistake struct {
	File    string
	Line    int
	Message string
}

func (m Mistake) Error() string { return fmt.Sprintf("%s:%d: %s", m.File, m.Line, m.Message) }

// Load reads a folder. Files that have no meaning there are a mistake, but for README.md.
func Load(dir string) (Definition, error) {
	d := Definition{Files: map[string]string{}}
	var wrong error
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return nil
		}
		switch {
		case name == viewFile, name == schemaFile, name == queriesFile, path.Dir(name) == eventFolder && path.Ext(name) == ".sql":
		case path.Base(name) == "README.md", strings.HasPrefix(path.Base(name), "."):
			return nil
		default:
			wrong = errors.Join(wrong, Mistake{name, 1, "has no meaning here; there are view.yaml, schema.sql, queries.sql and on/<event type>.sql"})
			return nil
		}
		content, err := readFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		d.Files[name] = content
		return nil
	})
	if err != nil {
		return d, fmt.Errorf("view folder %s: %w", dir, err)
	}
	return d, errors.Join(wrong, d.readYAML())
}

func readFile(name string) (string, error) {
	f, err := os.Open(name) //nolint:gosec // the analyst's own folder
	if err != nil {
		return "", err
	}
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err = errors.Join(err, f.Close()); err == nil && len(content) > maxFile {
		err = fmt.Errorf("%s has more than %d bytes", name, maxFile)
	}
	return string(content), err
}

var (
	goodName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
	yamlLine = regexp.MustCompile(`line (\d+): `)
)

func (d *Definition) readYAML() error {
	text, ok := d.Files[viewFile]
	if !ok {
		return Mistake{viewFile, 1, "is missing"}
	}
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.KnownFields(true)
	if err := decoder.Decode(d); err != nil {
		m := Mistake{viewFile, 1, strings.TrimPrefix(err.Error(), "yaml: ")}
		if at := yamlLine.FindStringSubmatch(err.Error()); at != nil {
			_, _ = fmt.Sscan(at[1], &m.Line)
			m.Message = strings.TrimSpace(yamlLine.ReplaceAllString(strings.ReplaceAll(m.Message, "unmarshal errors:\n", ""), ""))
		}
		return m
	}
	switch {
	case !goodName.MatchString(d.Name):
		return Mistake{viewFile, lineOf(text, "name:"), fmt.Sprintf("name %q is not of lower-case letters, digits and underscores, at most 40", d.Name)}
	case reserved(d.Name):
		return Mistake{viewFile, lineOf(text, "name:"), fmt.Sprintf("name %q is taken by the portal or by Postgres", d.Name)}
	case d.Version < 1:
		return Mistake{viewFile, lineOf(text, "version:"), "version counts from 1"}
	}
	return nil
}

func reserved(name string) bool {
	return slices.Contains([]string{"public", "portal", "live", "information_schema"}, name) || strings.HasPrefix(name, "pg_") ||
		slices.ContainsFunc([]string{"_next", "_prev", "_check"}, func(s string) bool { return strings.HasSuffix(name, s) })
}

func lineOf(text, begin string) int {
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, begin) {
			return i + 1
		}
	}
	return 1
}

// sameTables reports whether two definitions fill their tables alike. Queries and descriptions may differ.
func (d Definition) sameTables(other Definition) bool {
	count := func(d Definition) (n int) {
		for name := range d.Files {
			if name == schemaFile || path.Dir(name) == eventFolder {
				n++
			}
		}
		return n
	}
	for name, content := range d.Files {
		if (name == schemaFile || path.Dir(name) == eventFolder) && other.Files[name] != content {
			return false
		}
	}
	return count(d) == count(other)
}
