package catalog

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// writeDocs makes the test below write docs.json.
const writeDocs = "AVPORTAL_WRITE_DOCS"

// What the catalog says of events is what the source says of them.
func TestDocsAreThoseOfTheSource(t *testing.T) {
	d := docs{Comments: map[string]string{}, Values: map[string][]string{}}
	files, err := filepath.Glob("../*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	own, err := filepath.Glob("../*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(files, own...) {
		if strings.HasSuffix(name, "_test.go") || strings.Contains(name, "/catalog/") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		d.addFile(t, file)
	}
	d.prune(t)
	var want bytes.Buffer
	e := json.NewEncoder(&want)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(d); err != nil {
		t.Fatal(err)
	}
	if os.Getenv(writeDocs) != "" {
		if err := os.WriteFile("docs.json", want.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(want.Bytes(), docsJSON) {
		t.Errorf("docs.json is not what the source says; %s=1 go test ./domain/catalog writes it", writeDocs)
	}
}

func (d docs) addFile(t *testing.T, file *ast.File) {
	for _, decl := range file.Decls {
		general, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range general.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				d.addType(file.Name.Name+"."+s.Name.Name, text(s.Doc, general.Doc), s)
			case *ast.ValueSpec:
				typ, ok := s.Type.(*ast.Ident)
				if !ok || general.Tok != token.CONST {
					continue
				}
				for _, v := range s.Values {
					if lit, ok := v.(*ast.BasicLit); ok && lit.Kind == token.STRING {
						value, err := strconv.Unquote(lit.Value)
						if err != nil {
							t.Fatal(err)
						}
						name := file.Name.Name + "." + typ.Name
						d.Values[name] = append(d.Values[name], value)
					}
				}
			}
		}
	}
}

func (d docs) addType(name, comment string, s *ast.TypeSpec) {
	d.add(name, comment)
	fields, ok := s.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, f := range fields.Fields.List {
		for _, n := range f.Names {
			d.add(name+"."+n.Name, text(f.Comment))
		}
	}
}

func (d docs) add(name, comment string) {
	if comment != "" {
		d.Comments[name] = comment
	}
}

func text(groups ...*ast.CommentGroup) string {
	for _, g := range groups {
		if g != nil {
			return strings.Join(strings.Fields(g.Text()), " ")
		}
	}
	return ""
}

// prune keeps what the shapes of events refer to.
func (d docs) prune(t *testing.T) {
	used := map[string]bool{}
	for _, declared := range Registry().Declarations() {
		walkTypes(declared.Zero(), func(name string) { used[name] = true })
	}
	for name := range d.Comments {
		typ := name
		if parts := strings.Split(name, "."); len(parts) == 3 {
			typ = parts[0] + "." + parts[1]
		}
		if !used[typ] {
			delete(d.Comments, name)
		}
	}
	for name := range d.Values {
		if !used[name] {
			delete(d.Values, name)
		}
	}
	if len(used) < 36 {
		t.Errorf("only %d types are used", len(used))
	}
}
