package api

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"avportal/domain/catalog"
	"avportal/http/api/actionlog"
	"avportal/http/texts"
)

// Whatever the code says to people can be said in every language, and with the same parameters.
func TestEverySentenceIsTranslated(t *testing.T) {
	said := sentences(t)
	if len(said) < 80 {
		t.Fatalf("only %d sentences were found in the code", len(said))
	}
	for _, l := range texts.Languages() {
		for _, english := range slices.Sorted(maps.Keys(said)) {
			if !l.Knows(english) {
				t.Errorf("%s: %q has no translation to %q: add it to http/texts", said[english], english, l)
			}
			if got := parameters(l.Sentence(english)); !slices.Equal(got, parameters(english)) {
				t.Errorf("%q has the parameters %q in %q", english, got, l)
			}
		}
	}
	for _, forgotten := range texts.Unsaid(slices.Sorted(maps.Keys(said))) {
		t.Errorf("nobody says %q any more: take it out of http/texts", forgotten)
	}
}

var verb = regexp.MustCompile(`%(?:\[(\d+)\])?([a-z%])`)

// parameters lists the verbs of a format by the parameter that they show.
func parameters(format string) []string {
	var out []string
	for i, m := range verb.FindAllStringSubmatch(format, -1) {
		n := strconv.Itoa(i + 1)
		if m[1] != "" {
			n = m[1]
		}
		out = append(out, n+m[2])
	}
	slices.Sort(out)
	return out
}

// sentences finds what the portal says to people in its source: the messages of refusals and the details of faults, and where.
func sentences(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, room := range []string{"domain", "commands", "projections", "http"} {
		err := filepath.WalkDir(filepath.Join("..", "..", room), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && d.Name() == "agent" {
				return fs.SkipDir // what devices are told is in English
			}
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, "_gen.go") {
				return err
			}
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				for _, e := range saidBy(n) {
					where := files.Position(e.Pos()).String()
					if text, ok := literal(e); ok {
						found[text] = where
					} else {
						t.Errorf("%s: this text can't be translated: give With and invalidRequest a constant format and its parameters", where)
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// saidBy gives the texts that a node says to people.
func saidBy(n ast.Node) (texts []ast.Expr) {
	switch n := n.(type) {
	case *ast.CallExpr:
		switch f := n.Fun.(type) {
		case *ast.SelectorExpr:
			if len(n.Args) > 0 && (f.Sel.Name == "With" && refusal(f.X) || f.Sel.Name == "Say") { // texts.Language.Say
				return n.Args[:1]
			}
		case *ast.Ident:
			if f.Name == "invalidRequest" && len(n.Args) > 2 {
				return n.Args[2:3]
			}
		}
	case *ast.CompositeLit:
		name := ""
		switch t := n.Type.(type) {
		case *ast.SelectorExpr:
			name = t.Sel.Name
		case *ast.Ident:
			name = t.Name
		}
		key := map[string]string{"Error": "Message", "fault": "Detail"}[name]
		for _, e := range n.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok {
				if id, ok := kv.Key.(*ast.Ident); ok && id.Name == key {
					switch kv.Value.(type) {
					case *ast.BasicLit, *ast.BinaryExpr: // anything else passes on what was said elsewhere
						texts = append(texts, kv.Value)
					}
				}
			}
		}
	}
	return texts
}

// refusal reports whether an expression is likely to be a *domain.Error, by its name.
func refusal(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.ParenExpr: // (&domain.Error{...}).With(...)
		return true
	case *ast.Ident:
		return strings.HasPrefix(strings.ToLower(e.Name), "err")
	case *ast.SelectorExpr:
		return strings.HasPrefix(strings.ToLower(e.Sel.Name), "err")
	case *ast.CallExpr: // ErrInvalid.At("/name").With(...)
		f, ok := e.Fun.(*ast.SelectorExpr)
		return ok && f.Sel.Name == "At" && refusal(f.X)
	}
	return false
}

// literal joins string constants.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		x, ok1 := literal(e.X)
		y, ok2 := literal(e.Y)
		return x + y, ok1 && ok2
	}
	return "", false
}

// Each event type that this build declares is an action that has a name in every language.
func TestEveryEventIsAnAction(t *testing.T) {
	for _, d := range catalog.Registry().Declarations() {
		if actionlog.ActionOf(d.Zero()) == "" {
			t.Errorf("the event type %q has no action: add it to http/api/actionlog/actions.go, and the action's name to http/texts", d.Type)
		}
	}
	for _, action := range actionlog.Actions() {
		for _, l := range texts.Languages() {
			if l.Name("action", action) == action {
				t.Errorf("the action %q has no name in %q: add action.%s to http/texts", action, l, action)
			}
		}
	}
}

// The languages have the same names.
func TestEveryNameIsTranslated(t *testing.T) {
	english, german := texts.English.Names(), texts.German.Names()
	for code := range english {
		if german[code] == "" {
			t.Errorf("%q has no German name", code)
		}
	}
	for code := range german {
		if english[code] == "" {
			t.Errorf("%q has no English name", code)
		}
	}
	for _, schema := range []string{"ActivityState", "ActorKind", "Role", "Signatures", "Contact", "Protection", "Guard", "LicenseKind", "LicenseState", "SeatsState", "SubjectKind"} {
		s := testServer(t).doc.Components.Schemas[schema]
		for _, v := range s.Value.Enum {
			kind := kinds[schema]
			if english[kind+"."+v.(string)] == "" {
				t.Errorf("the value %q of %s has no name: add %s.%s to http/texts", v, schema, kind, v)
			}
		}
	}
}

// kinds are the kinds of names for the values of schemas.
var kinds = map[string]string{
	"ActivityState": "state", "ActorKind": "actor", "Role": "role", "Signatures": "signatures", "Contact": "contact", "Protection": "protection",
	"Guard": "guard", "LicenseKind": "license_kind", "LicenseState": "validity", "SeatsState": "seats", "PhaseName": "phase", "SubjectKind": "subject",
}
