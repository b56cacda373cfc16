package node

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"avportal/eventstore/node/storage"
)

// writeFirstEvents writes what an EventStoreDB node has in its log from its first start. Some tools wait for
// these streams. The ids are fixed and no stream is expected, so that doing it again changes nothing.
func (n *Node) writeFirstEvents(ctx context.Context) error {
	firstUser := func(stream, eventType string, json bool, data ...string) error {
		a := &storage.Append{Stream: stream, Expected: storage.NoStream}
		for i, d := range data {
			id := uuid.NewSHA1(n.db.ID(), fmt.Appendf(nil, "%s/%d", stream, i))
			a.Events = append(a.Events, storage.Event{ID: id, Type: eventType, JSON: json, Data: []byte(d)})
		}
		return n.db.Write(ctx, a)
	}
	if n.db.Last() > 0 {
		if s, err := n.db.Stream("$users"); err != nil || s.Last >= 0 {
			return err
		}
	}
	if err := firstUser("$user-admin", "$UserCreated", true,
		`{"LoginName":"admin","FullName":"Event Store Administrator","Disabled":false,"Groups":["$admins"]}`); err != nil {
		return err
	}
	if err := firstUser("$user-ops", "$UserCreated", true,
		`{"LoginName":"ops","FullName":"Event Store Operations","Disabled":false,"Groups":["$ops"]}`); err != nil {
		return err
	}
	return firstUser("$users", "$User", false, "admin", "ops")
}
