package node_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"avportal/eventstore/node"
	"avportal/eventstore/node/nodetest"
)

func TestBackupIsALogOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	n := nodetest.StartWith(t, node.Config{Dir: filepath.Join(dir, "live")})
	c := connect(t, n)
	appendTo(t, c, "cat-1", esdb.NoStream{}, events(0, 500)...)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for i := range 50 {
			appendTo(t, c, fmt.Sprintf("cat-%d", i+2), esdb.NoStream{}, events(0, 20)...)
		}
	}()
	backup := filepath.Join(dir, "backup")
	if err := n.Backup(backup); err != nil {
		t.Fatal(err)
	}
	<-ended
	if err := n.Backup(backup); err == nil {
		t.Error("a backup was written over another one")
	}
	copied := nodetest.StartWith(t, node.Config{Dir: backup})
	if report, err := copied.Verify(context.Background()); err != nil || len(report.Damage) > 0 {
		t.Fatal(report, err)
	}
	if copied.LogID() != n.LogID() || copied.Position() > n.Position() || copied.Position() < 500 {
		t.Fatalf("the backup ends at %d, the log at %d", copied.Position(), n.Position())
	}
	want, got := readAll(t, c, esdb.ReadAllOptions{From: esdb.Start{}}, copied.Position()), readAll(t, connect(t, copied), esdb.ReadAllOptions{From: esdb.Start{}}, 1<<40)
	if len(got) != int(copied.Position()) || len(want) != len(got) {
		t.Fatalf("%d events in the backup, %d in the log up to there", len(got), len(want))
	}
	for i := range got {
		if got[i].Event.EventID != want[i].Event.EventID {
			t.Fatalf("event %d differs", i)
		}
	}
}
