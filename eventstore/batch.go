package eventstore

import (
	"context"
	"strconv"

	"github.com/ThreeDotsLabs/watermill/message"
)

// Batch is a run of events with nothing left out between After and the last.
type Batch struct {
	After  Position
	Events []Recorded // not to be touched after the ack: the next batches come in the same memory
	More   bool       // the next batch is there already
}

// Last is the position that the batch ends at.
func (b Batch) Last() Position {
	if len(b.Events) == 0 {
		return b.After
	}
	return b.Events[len(b.Events)-1].Position
}

type batchKey struct{}

// NewMessage makes the Watermill message that carries a batch. The batch is in the message's context, decoded; the
// payload is empty, and the metadata tell the range for logs.
func NewMessage(ctx context.Context, b Batch) *message.Message {
	m := message.NewMessage(b.After.String()+".."+b.Last().String(), nil)
	m.Metadata.Set("after", b.After.String())
	m.Metadata.Set("last", b.Last().String())
	m.Metadata.Set("events", strconv.Itoa(len(b.Events)))
	m.SetContext(context.WithValue(ctx, batchKey{}, b))
	return m
}

// BatchFrom gives the batch of the message whose context this is, and whether there is one.
func BatchFrom(ctx context.Context) (Batch, bool) {
	b, ok := ctx.Value(batchKey{}).(Batch)
	return b, ok
}
