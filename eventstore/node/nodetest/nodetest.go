// Package nodetest starts nodes for tests.
package nodetest

import (
	"context"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"avportal/eventstore/node"
)

// Start opens a node in a temporary folder, on a free port of the loopback interface. It is closed, and the test
// fails if that fails, when the test ends.
func Start(tb testing.TB) *node.Node {
	tb.Helper()
	return StartWith(tb, node.Config{Dir: tb.TempDir()})
}

// StartMem is Start without a disk: the files live in memory, fsync costs nothing.
func StartMem(tb testing.TB) *node.Node {
	tb.Helper()
	return StartWith(tb, node.Config{Dir: "node", FS: vfs.NewMem()})
}

// StartWith opens a node with the given configuration.
func StartWith(tb testing.TB, c node.Config) *node.Node {
	tb.Helper()
	n, err := node.Open(context.Background(), c)
	if err != nil {
		tb.Fatalf("open the node: %v", err)
	}
	tb.Cleanup(func() {
		if err := n.Close(); err != nil {
			tb.Errorf("close the node: %v", err)
		}
	})
	return n
}
