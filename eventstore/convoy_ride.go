package eventstore

import (
	"context"
	"time"
)

// ride goes along until the member is left behind, or the convoy ends. It reports whether the member has to go on by himself.
func (v *convoy) ride(ctx context.Context, m *member, yield func(Recorded, error) bool) (goOn bool) {
	select {
	case <-v.begun:
	case <-ctx.Done():
		yield(Recorded{}, context.Cause(ctx))
		return false
	}
	if goOn = v.comeUp(ctx, m, yield); !goOn {
		return false
	}
	var events []Recorded
	for {
		wait, riding := v.take(m, &events)
		if !riding {
			return true
		}
		for _, r := range events {
			if !yield(r, nil) {
				return false
			}
		}
		if len(events) > 0 {
			v.seen(m, events[len(events)-1].Position)
			continue
		}
		select {
		case <-wait:
		case <-ctx.Done():
			yield(Recorded{}, context.Cause(ctx))
			return false
		}
	}
}

// comeUp reads by himself what the member has not seen and the convoy does not hold. It reports whether to go on.
func (v *convoy) comeUp(ctx context.Context, m *member, yield func(Recorded, error) bool) bool {
	v.mu.Lock()
	at, start, member := m.at, v.start, v.members[m]
	v.mu.Unlock()
	if !member || at.Compare(start) >= 0 {
		return true
	}
	for r, err := range v.store.Subscribe(ctx, at) {
		if !yield(r, err) || err != nil {
			return false
		}
		v.seen(m, r.Position)
		if r.Position.Compare(start) >= 0 {
			return true
		}
	}
	return false
}

func (v *convoy) seen(m *member, at Position) {
	v.mu.Lock()
	defer v.mu.Unlock()
	m.at = at
	v.trimLocked()
}

// take copies some of what a member has not seen; if that is nothing yet, it tells when to look again. riding is false if he is no member
// any more, or nothing will come.
func (v *convoy) take(m *member, into *[]Recorded) (wait <-chan struct{}, riding bool) {
	const some = 256
	v.mu.Lock()
	defer v.mu.Unlock()
	*into = (*into)[:0]
	if !v.members[m] || m.at.Compare(v.start) < 0 {
		return nil, false
	}
	first := v.behindLocked(m.at)
	for _, e := range v.events[first:min(first+some, len(v.events))] {
		if time.Since(e.came) >= tailAge {
			return nil, false
		}
		*into = append(*into, e.Recorded)
	}
	if len(*into) == 0 && v.over {
		return nil, false
	}
	if v.moved == nil {
		v.moved = make(chan struct{})
	}
	return v.moved, true
}
