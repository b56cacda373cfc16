package node

import (
	"context"

	"github.com/google/uuid"

	"avportal/eventstore/node/storage"
)

// Verify reads everything that is stored and reports what is not as it was written. The node goes on meanwhile.
func (n *Node) Verify(ctx context.Context) (*storage.Report, error) { return n.db.Verify(ctx) }

// Backup makes a consistent copy of the data folder in a new folder on the same file system. The node goes on
// meanwhile.
func (n *Node) Backup(dir string) error { return n.db.Backup(dir) }

// Position is that of the last durable event, 0 for an empty log.
func (n *Node) Position() uint64 { return n.db.Last() }

// LogID identifies the log: it is given when the log is made and never changes.
func (n *Node) LogID() uuid.UUID { return n.db.ID() }
