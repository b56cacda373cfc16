package node_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"avportal/eventstore/node"
	"avportal/eventstore/node/nodetest"
)

func TestSystemProjectionsAreManaged(t *testing.T) {
	n := nodetest.StartMem(t)
	c := connect(t, n)
	p := esdb.NewProjectionClientFromExistingClient(c)
	all, err := p.ListAll(testContext(t), esdb.GenericProjectionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range all {
		names = append(names, s.Name+" "+s.Status)
	}
	want := "$by_category Running, $by_correlation_id Running, $by_event_type Stopped, $streams Stopped, $stream_by_category Stopped"
	if got := strings.Join(names, ", "); got != want {
		t.Fatalf("%s, want %s", got, want)
	}
	appendTo(t, c, "cat-1", esdb.NoStream{}, events(0, 3)...)
	if err := p.Enable(testContext(t), "$by_event_type", esdb.GenericProjectionOptions{}); err != nil {
		t.Fatal(err)
	}
	appendTo(t, c, "cat-1", esdb.Revision(2), event(1))
	links := readStream(t, c, "$et-type-1", esdb.ReadStreamOptions{ResolveLinkTos: true}, 10)
	if len(links) != 2 || links[0].Event.EventNumber != 1 || links[1].Event.EventNumber != 3 {
		t.Fatalf("%d links", len(links))
	}
	if err := p.Disable(testContext(t), "$by_category", esdb.GenericProjectionOptions{}); err != nil {
		t.Fatal(err)
	}
	if s, err := p.GetStatus(testContext(t), "$by_category", esdb.GenericProjectionOptions{}); err != nil || s.Status != "Stopped" {
		t.Fatal(s, err)
	}
	if err := p.Reset(testContext(t), "$by_category", esdb.ResetProjectionOptions{}); err != nil {
		t.Fatal(err)
	}
}

func TestUserProjectionFoldsAndSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	n, err := node.Open(context.Background(), node.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	c := connect(t, n)
	p := esdb.NewProjectionClientFromExistingClient(c)
	query := `fromCategory("cat").when({
		$init: function() { return {sum: 0, seen: []}; },
		"type-2": function(s, e) { s.seen.push(e.streamId + "/" + e.sequenceNumber); },
		$any: function(s, e) { s.sum += e.body.n; return s; }
	}).transformBy(function(s) { return {double: s.sum * 2}; }).outputState()`
	if err := p.Create(testContext(t), "sums", query, esdb.CreateProjectionOptions{}); err != nil {
		t.Fatal(err)
	}
	appendTo(t, c, "cat-1", esdb.NoStream{}, events(0, 4)...)
	appendTo(t, c, "dog-1", esdb.NoStream{}, events(10, 4)...)
	check := func() {
		t.Helper()
		eventually(t, "the state is there", func() bool {
			state, err := p.GetState(testContext(t), "sums", esdb.GetStateProjectionOptions{})
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(state)
			return err == nil && string(text) == `{"seen":["cat-1/2"],"sum":4}`
		})
		result, err := p.GetResult(testContext(t), "sums", esdb.GetResultProjectionOptions{})
		if err != nil || result.GetStructValue().GetFields()["double"].GetNumberValue() != 8 {
			t.Fatal(result, err)
		}
	}
	check()
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	n = nodetest.StartWith(t, node.Config{Dir: dir})
	c = connect(t, n)
	p = esdb.NewProjectionClientFromExistingClient(c)
	check()
	if err := p.Delete(testContext(t), "sums", esdb.DeleteProjectionOptions{}); errorCode(err) == -1 && err == nil {
		t.Fatal("a running projection was deleted")
	}
	if err := p.Disable(testContext(t), "sums", esdb.GenericProjectionOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := p.Delete(testContext(t), "sums", esdb.DeleteProjectionOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.GetState(testContext(t), "sums", esdb.GetStateProjectionOptions{}); err == nil {
		t.Fatal("a deleted projection has a state")
	}
}

func TestUserProjectionsAreBoundedAndRefusedClearly(t *testing.T) {
	n := nodetest.StartMem(t)
	c := connect(t, n)
	p := esdb.NewProjectionClientFromExistingClient(c)
	appendTo(t, c, "cat-1", esdb.NoStream{}, events(0, 3)...)
	for query, want := range map[string]string{
		`fromAll().when({$any: function(s, e) { emit("x", "y", {}); }})`: "", // faults when it runs
		`fromAll().foreachStream()`:                                      "not available on the embedded node",
		`fromAll().partitionBy(function(e) {})`:                          "not available on the embedded node",
		`nonsense(`:                                                      "SyntaxError",
		`1 + 1`:                                                          "names no source",
		`for (;;) {}`:                                                    "ran for more than",
		`fromAll().when({$init: 7})`:                                     "no function",
		`(function f() { f(); })(); fromAll()`:                           "too deeply",
		`fromAll().when({$any: function() { for(;;) {} }})`:              "",
	} {
		name := fmt.Sprintf("p%x", len(query))
		err := p.Create(testContext(t), name, query, esdb.CreateProjectionOptions{})
		if want != "" {
			if err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(want)) {
				t.Errorf("%s: %v, want %q", query, err, want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		eventually(t, query+" faults", func() bool {
			s, err := p.GetStatus(testContext(t), name, esdb.GenericProjectionOptions{})
			return err == nil && s.Status == "Faulted" && s.StateReason != ""
		})
	}
	if err := p.Create(testContext(t), "writes", `fromAll()`, esdb.CreateProjectionOptions{Emit: true}); err == nil || !strings.Contains(err.Error(), "not available") {
		t.Error(err)
	}
	// The node is none the worse for it.
	appendTo(t, c, "cat-1", esdb.Revision(2), event(3))
}
