package esdb

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
	"time"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"

	"avportal/eventstore"
)

// The client turns a missing expected revision into "any", which checks nothing, and a missing start of a subscription
// into "the end", which skips history. So nobody may leave them out, and nobody may say "any".
func TestRevisionsAndStartsAreExplicit(t *testing.T) {
	files := parsePackage(t)
	calls := map[string]int{}
	required := map[string]string{
		"AppendToStreamOptions": "ExpectedRevision", "ReadStreamOptions": "From", "ReadAllOptions": "From",
		"SubscribeToAllOptions": "From", "SubscribeToStreamOptions": "From", "ReadReq_Options_AllOptions": "AllOption",
	}
	for name, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if strings.HasPrefix(n.Sel.Name, "BatchAppendReq_Options_Any") || strings.HasPrefix(n.Sel.Name, "BatchAppendReq_Options_StreamExists") ||
					strings.HasPrefix(n.Sel.Name, "AppendReq_") || isClient(n, "Any") || isClient(n, "StreamExists") {
					t.Errorf("%s appends without an exact revision: %s", name, n.Sel.Name)
				}
			case *ast.CompositeLit:
				sel, ok := n.Type.(*ast.SelectorExpr)
				if !ok || required[sel.Sel.Name] == "" {
					return true
				}
				calls[sel.Sel.Name]++
				if !hasField(n, required[sel.Sel.Name]) {
					t.Errorf("%s: %s without %s", name, sel.Sel.Name, required[sel.Sel.Name])
				}
			case *ast.ValueSpec: // a declared zero value would slip through
				if sel, ok := n.Type.(*ast.SelectorExpr); ok && required[sel.Sel.Name] != "" {
					t.Errorf("%s declares %s without a literal", name, sel.Sel.Name)
				}
			}
			return true
		})
	}
	for _, used := range []string{"AppendToStreamOptions", "ReadStreamOptions", "ReadAllOptions", "ReadReq_Options_AllOptions"} {
		if calls[used] == 0 {
			t.Errorf("the test found no %s: it looks in the wrong place", used)
		}
	}
}

// A revision of the store becomes one on the wire, both ways of appending.
func TestRevisionsOnTheWire(t *testing.T) {
	if r := (write{expected: -1}).revision(); r != (client.NoStream{}) {
		t.Errorf("no stream is %#v", r)
	}
	if r := (write{expected: 7}).revision(); r != (client.StreamRevision{Value: 7}) {
		t.Errorf("revision 7 is %#v", r)
	}
	for expected, want := range map[eventstore.Revision]*streams.BatchAppendReq_Options{
		-1: {ExpectedStreamPosition: &streams.BatchAppendReq_Options_NoStream{NoStream: &emptypb.Empty{}}},
		0:  {ExpectedStreamPosition: &streams.BatchAppendReq_Options_StreamPosition{}},
		7:  {ExpectedStreamPosition: &streams.BatchAppendReq_Options_StreamPosition{StreamPosition: 7}},
	} {
		want.StreamIdentifier = &shared.StreamIdentifier{StreamName: []byte("a-b-c")}
		want.DeadlineOption = &streams.BatchAppendReq_Options_Deadline{Deadline: durationpb.New(1500 * time.Millisecond)}
		var sent streams.BatchAppendReq
		if err := proto.Unmarshal(batchRequest(1, write{stream: "a-b-c", expected: expected}, 1500*time.Millisecond), &sent); err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(sent.GetOptions(), want) {
			t.Errorf("revision %d is %v on the wire, want %v", expected, sent.GetOptions(), want)
		}
	}
}

func parsePackage(t *testing.T) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = file
	}
	return files
}

func isClient(n *ast.SelectorExpr, name string) bool {
	x, ok := n.X.(*ast.Ident)
	return ok && x.Name == "client" && n.Sel.Name == name
}

func hasField(n *ast.CompositeLit, field string) bool {
	for _, e := range n.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if id, ok := kv.Key.(*ast.Ident); ok && id.Name == field {
				return true
			}
		}
	}
	return false
}
