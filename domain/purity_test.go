package domain_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// allowed is all that the domain may import, besides itself. None of it reads a clock, rolls dice or does I/O.
var allowed = []string{
	"bytes", "cmp", "crypto/subtle", "encoding", "encoding/base32", "encoding/binary", "encoding/hex", "encoding/json", "errors", "fmt",
	"hash/crc32", "hash/maphash", "maps", "reflect", "slices", "strconv", "strings", "sync/atomic", "time", "unicode", "unicode/utf8", "unique",
	"golang.org/x/text/cases", "golang.org/x/text/unicode/norm",
}

// describing is what package catalog may import besides: it tells what events look like, which is pure too.
var describing = []string{"embed", "path"}

// clock is what package time offers besides arithmetic.
var clock = []string{"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "Tick", "NewTimer", "NewTicker", "Local", "LoadLocation"}

func TestDomainIsPure(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		if dir, _, _ := strings.Cut(path, string(filepath.Separator)); dir == "domaintest" {
			return nil
		}
		seen++
		return checkFile(t, path)
	})
	if err != nil || seen < 20 {
		t.Fatalf("%d files seen, %v", seen, err)
	}
}

func checkFile(t *testing.T, path string) error {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, i := range file.Imports {
		name, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return err
		}
		aggregate := strings.HasPrefix(name, "avportal/domain/")
		if aggregate && filepath.Dir(path) != "catalog" {
			t.Errorf("%s imports %s: an aggregate knows no other", path, name)
		}
		described := filepath.Dir(path) == "catalog" && slices.Contains(describing, name)
		if !aggregate && name != "avportal/domain" && !described && !slices.Contains(allowed, name) {
			t.Errorf("%s imports %s, which the domain may not", path, name)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clock, s.Sel.Name) {
				t.Errorf("%s names time.%s: times enter as fields of a command", path, s.Sel.Name)
			}
		}
		if f, ok := n.(*ast.FuncDecl); ok && f.Name.Name == "init" && f.Recv == nil {
			t.Errorf("%s has an init", path)
		}
		return true
	})
	return nil
}
