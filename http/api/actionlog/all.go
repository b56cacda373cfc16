package actionlog

import (
	"context"
	"iter"

	"avportal/domain"
	"avportal/projections/page"
)

// All yields all activities that an actor sees, newest first, however many there are.
func (l *Log) All(ctx context.Context, a domain.Actor, f Filter) iter.Seq2[Activity, error] {
	return func(yield func(Activity, error) bool) {
		s, from, err := l.scan(ctx, a, f, nil)
		for err == nil && from >= 0 {
			var p Page
			if p, from, err = s.run(ctx, from, page.MaxLimit); err != nil {
				break
			}
			for _, item := range p.Items {
				if !yield(item, nil) {
					return
				}
			}
			if len(s.known) > maxKnown {
				clear(s.known)
			}
		}
		if err != nil {
			yield(Activity{}, err)
		}
	}
}

// maxKnown bounds how many activities a long reading remembers.
const maxKnown = 2000
