package logtool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"reflect"
)

// target is a log that is written.
type target interface {
	// submit hands over an event to be written at its revision. It returns before that is done, with what has gone
	// wrong until then, and waits while too much is under way. Events are written in the order in which they come.
	submit(ctx context.Context, e *Event) error
	// drain waits until everything that was handed over is durable.
	drain(ctx context.Context) error
	// tombstone ends a stream for good. It may be deleted already.
	tombstone(ctx context.Context, stream string) error
	// last reads the last event of a stream: errUnreadable, or errDeleted.
	last(ctx context.Context, stream string) (*Event, error)
}

// ErrDiffers says that the target holds something else than the source: it was written to by others, or belongs to
// another log.
var ErrDiffers = errors.New("the target differs from the source")

// transfer writes events to a target.
type transfer struct {
	to      target
	written func(*Event) // is told of each event that was handed over
	exact   bool         // the target adds nothing to metadata that it is given
	owed    *Event       // metadata that ends a soft deletion, see put
}

func (t *transfer) run(ctx context.Context, events iter.Seq2[*Event, error]) error {
	for e, err := range events {
		if err != nil {
			return err
		}
		if err := t.next(ctx, e); err != nil {
			return err
		}
		t.written(e)
	}
	if err := t.settle(ctx); err != nil {
		return err
	}
	return t.to.drain(ctx)
}

func (t *transfer) next(ctx context.Context, e *Event) error {
	if owed := t.owed; owed != nil && e.Stream == owed.describes() && e.Revision == truncatesBefore(owed.Data) {
		if err := t.put(ctx, e); err != nil {
			return err
		}
		return t.settle(ctx)
	}
	if err := t.settle(ctx); err != nil {
		return err
	}
	return t.put(ctx, e)
}

// settle puts the metadata that was held back.
func (t *transfer) settle(ctx context.Context) error {
	owed := t.owed
	if owed == nil {
		return nil
	}
	t.owed = nil
	if existing, err := t.existing(ctx, owed); existing || err != nil {
		return err
	}
	return t.to.submit(ctx, owed)
}

// put writes one event. The metadata that ends a soft deletion is special: a server writes it by itself when somebody
// writes to the stream, before or after what was written, and if it were written first, by us, a server might add its
// own all the same. So it is held back until the event that it stands beside is there, and then compared.
func (t *transfer) put(ctx context.Context, e *Event) error {
	switch {
	case e.tombstone():
		if err := t.to.drain(ctx); err != nil {
			return err
		}
		return t.to.tombstone(ctx, e.Stream)
	case !e.undeletes():
		return t.to.submit(ctx, e)
	}
	if err := t.to.drain(ctx); err != nil {
		return err
	}
	last, err := t.to.last(ctx, e.Stream)
	if !t.exact && err == nil && last.Revision == e.Revision-1 && truncatesBefore(last.Data) == deletedForNow {
		t.owed = e
		return nil
	}
	if existing, err := t.existing(ctx, e); existing || err != nil {
		return err
	}
	return t.to.submit(ctx, e)
}

// existing says whether metadata stands in the target already, with whatever id.
func (t *transfer) existing(ctx context.Context, e *Event) (bool, error) {
	if err := t.to.drain(ctx); err != nil {
		return false, err
	}
	last, err := t.to.last(ctx, e.Stream)
	switch {
	case errors.Is(err, errUnreadable):
		return false, nil
	case errors.Is(err, errDeleted): // by an event that comes later
		return true, nil
	case err != nil:
		return false, err
	case last.Revision > e.Revision: // of an earlier attempt; only the last metadata can be read
		return true, nil
	case last.Revision == e.Revision && sameJSON(last.Data, e.Data):
		return true, nil
	case last.Revision == e.Revision:
		return false, fmt.Errorf("%w: event %d of %q is %s and should be %s", ErrDiffers, e.Revision, e.Stream, last.Data, e.Data)
	}
	return false, nil
}

func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}
