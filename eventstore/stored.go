package eventstore

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"avportal/domain"
)

// MaxAppendBytes is what one append may hold: the sum over its events of data, metadata and two bytes for each
// character of the type. It is EventStoreDB's own default (MaxAppendSize).
const MaxAppendBytes = 1 << 20

// Stored is an event as it goes into a store.
type Stored struct {
	ID       uuid.UUID
	Type     string
	Data     []byte
	Metadata []byte
}

// Encode gives the stored form of the events of one append, with the version of their present shape in their metadata.
// ErrTooLarge means that they exceed MaxAppendBytes. An undeclared event, a zero id, and no events at all are errors.
// Personal texts are sealed with keys from the ring.
func Encode(ctx context.Context, registry *domain.Registry, keys Keyring, events []Proposed) ([]Stored, error) {
	if len(events) == 0 {
		return nil, fmt.Errorf("an append without events")
	}
	stored := make([]Stored, len(events))
	size := 0
	for i, p := range events {
		data, version, err := registry.Encode(p.Event, sealing(ctx, keys))
		if err != nil {
			return nil, err
		}
		if p.ID == uuid.Nil {
			return nil, fmt.Errorf("event %s has no id", p.Event.EventType())
		}
		p.Meta.Version = version
		meta, err := EncodeMetadata(p.Meta)
		if err != nil {
			return nil, err
		}
		stored[i] = Stored{ID: p.ID, Type: p.Event.EventType(), Data: data, Metadata: meta}
		size += len(data) + len(meta) + 2*len(stored[i].Type)
	}
	if size > MaxAppendBytes {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrTooLarge, size, MaxAppendBytes)
	}
	return stored, nil
}

// Decode fills Meta and Event from Type, Data and RawMeta. An error means that the bytes are damaged, or not ours, or that a
// key could not be looked up.
func (r *Recorded) Decode(ctx context.Context, registry *domain.Registry, keys Keyring) error {
	meta, err := DecodeMetadata(r.RawMeta)
	if err != nil {
		return fmt.Errorf("metadata of event %d@%s: %w", r.Revision, r.Stream, err)
	}
	event, err := registry.Decode(r.Type, meta.Version, r.Data, opening(ctx, keys))
	if err != nil {
		return fmt.Errorf("%d@%s: %w", r.Revision, r.Stream, err)
	}
	r.Meta, r.Event = meta, event
	return nil
}
