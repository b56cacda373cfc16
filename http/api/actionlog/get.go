package actionlog

import (
	"context"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/eventstore"
)

// Get answers one activity as far as an actor sees it, with the phases of what was asked of a device. The error is
// domain.ErrNotFound if he sees nothing of it.
func (l *Log) Get(ctx context.Context, a domain.Actor, id uuid.UUID) (Activity, []Phase, error) {
	all, whole, err := l.timeline(ctx, a.Tenant, id)
	if err != nil {
		return Activity{}, nil, err
	}
	seen, err := l.visibleOf(ctx, a, all)
	if err != nil {
		return Activity{}, nil, err
	}
	if len(seen) == 0 && !whole {
		seen, err = l.seenLater(ctx, a, id, func(domain.Stream) bool { return true })
	}
	if err == nil && len(seen) == 0 {
		err = domain.ErrNotFound
	}
	if err != nil {
		return Activity{}, nil, err
	}
	item, err := l.line(ctx, a, all, seen, whole)
	return item, phasesOf(seen), err
}

// seenLater looks for the first event in some streams that an actor sees beyond the beginning of a long activity.
func (l *Log) seenLater(ctx context.Context, a domain.Actor, id uuid.UUID, in func(domain.Stream) bool) ([]eventstore.Recorded, error) {
	for r, err := range l.store.ReadLinks(ctx, "$bc-"+id.String(), maxTimeline, eventstore.Forward, 0) {
		if err != nil {
			return nil, err
		}
		visible, err := l.Visible(ctx, a, r)
		if err != nil {
			return nil, err
		}
		if visible && !r.Stream.Telemetry && in(r.Stream) {
			return []eventstore.Recorded{r}, nil
		}
	}
	return nil, nil
}
