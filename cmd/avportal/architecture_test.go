package main

import (
	"os/exec"
	"strings"
	"testing"
)

// room is a part of the house: the packages below a path, and what of ours (or which outside package) they may import.
// The first room whose path fits a package is its room.
type room struct {
	path string
	may  []string
}

// Imports point one way: cmd -> http -> commands, projections -> eventstore -> domain.
var rooms = []room{
	{"avportal/cmd/avagent", []string{"avportal/cmd/avagent", "avportal/http/agent/wire"}}, // devices carry nothing of the portal
	{"avportal/cmd", []string{"avportal"}},
	{"avportal/http/agent/wire", nil},
	{"avportal/http", []string{"avportal/http", "avportal/commands", "avportal/projections", "avportal/eventstore$", "avportal/domain"}},
	{"avportal/projections/postgres", []string{"avportal/projections/postgres"}},
	{"avportal/projections", []string{"avportal/projections", "avportal/eventstore$", "avportal/domain"}},
	{"avportal/commands", []string{"avportal/eventstore$", "avportal/eventstore/people$", "avportal/domain"}},
	{"avportal/eventstore/node", []string{"avportal/eventstore/node"}}, // a server of its own that knows nothing of the portal
	// Moves whole logs over the protocol, and writes the folder of a node from a backup. It knows no event types.
	{"avportal/eventstore/logtool", []string{"avportal/eventstore/logtool", "avportal/eventstore/esdb$", "avportal/eventstore/node"}},
	{"avportal/eventstore", []string{"avportal/eventstore$", "avportal/domain$", "avportal/domain/domaintest"}},
	{"avportal/domain/catalog", []string{"avportal/domain"}}, // joins all aggregates
	{"avportal/domain$", nil},
	{"avportal/domain", []string{"avportal/domain$"}}, // no aggregate knows another
	{"avportal/deploy", nil},
}

// fits reports whether a package lies at or below a path; a path that ends in "$" means that one package alone.
func fits(pkg, path string) bool {
	if exact, ok := strings.CutSuffix(path, "$"); ok {
		return pkg == exact
	}
	return pkg == path || strings.HasPrefix(pkg, path+"/")
}

func mayImport(pkg, imported string) bool {
	for _, r := range rooms {
		if !fits(pkg, r.path) {
			continue
		}
		for _, p := range r.may {
			if fits(imported, p) {
				return true
			}
		}
		return false
	}
	return false
}

func TestImportsPointOneWay(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "avportal/...").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) < 10 {
		t.Fatalf("go list found %d packages, expected the whole house:\n%s", len(lines), out)
	}
	for _, line := range lines {
		pkg, imports, _ := strings.Cut(line, " ")
		for imported := range strings.FieldsSeq(imports) {
			if strings.HasPrefix(imported, "avportal") && !mayImport(pkg, imported) {
				t.Errorf("%s must not import %s", pkg, imported)
			}
			if strings.HasPrefix(imported, "github.com/EventStore/") && !fits(pkg, "avportal/eventstore/esdb") && !fits(pkg, "avportal/eventstore/node") && !fits(pkg, "avportal/eventstore/logtool") && !fits(pkg, "avportal/cmd/bench") {
				t.Errorf("%s imports the EventStoreDB client; only eventstore/esdb, node and logtool may", pkg)
			}
			if pkg == "avportal/http" {
				t.Error("the folder http holds no Go file: a package named http fights net/http")
			}
		}
	}
}

// The rules themselves are tested, so that a slip in the table can't switch the police off.
func TestImportRules(t *testing.T) {
	for _, c := range []struct {
		pkg, imported string
		want          bool
	}{
		{"avportal/domain/license", "avportal/domain", true},
		{"avportal/domain/license", "avportal/domain/device", false},
		{"avportal/domain", "avportal/eventstore", false},
		{"avportal/eventstore", "avportal/commands", false},
		{"avportal/commands", "avportal/projections", false},
		{"avportal/commands", "avportal/eventstore/esdb", false},
		{"avportal/http/api", "avportal/projections/devices", true},
		{"avportal/http/api", "avportal/eventstore/esdb", false},
		{"avportal/projections/devices", "avportal/http/api", false},
		{"avportal/cmd/avagent", "avportal/domain", false},
		{"avportal/cmd/avportal", "avportal/eventstore/node", true},
		{"avportal/eventstore/logtool", "avportal/eventstore/esdb", true},
		{"avportal/eventstore/logtool", "avportal/domain", false},
		{"avportal/newroom", "avportal/domain", false},
	} {
		if got := mayImport(c.pkg, c.imported); got != c.want {
			t.Errorf("%s imports %s: allowed = %v, want %v", c.pkg, c.imported, got, c.want)
		}
	}
}
