package projections

import (
	"testing"

	"avportal/domain"
	"avportal/eventstore"
)

type (
	came struct{}
	left struct{}
)

func (came) EventType() string { return "guest.came" }
func (left) EventType() string { return "guest.left" }

type guestKey struct {
	ID string `db:"id"`
}

type guest struct {
	Presence
	guestKey
	Times int `db:"times"`
}

func guests() workingSet {
	return NewTable(TableSpec[guest, guestKey]{
		Name:    "guest",
		Keys:    func(r eventstore.Recorded, touch func(guestKey)) { touch(guestKey{r.Stream.ID}) },
		Creates: []domain.Event{came{}},
		Fold: func(g *guest, r eventstore.Recorded) {
			if _, gone := r.Event.(left); gone {
				g.Delete()
				return
			}
			g.Times++
		},
	}).newWorkingSet()
}

func foldInto(t *testing.T, s workingSet, events ...eventstore.Recorded) {
	t.Helper()
	if err := s.touch(events); err != nil {
		t.Fatal(err)
	}
	if err := s.fold(events); err != nil {
		t.Fatal(err)
	}
}

func of(id string, e domain.Event) eventstore.Recorded {
	return eventstore.Recorded{Stream: domain.Stream{ID: id}, Event: e}
}

// A rebuild that has the whole table in memory keeps nothing of the rows that have come and gone.
func TestWhatHasComeAndGoneTakesNoMemory(t *testing.T) {
	s := guests()
	s.complete()
	for i := range 1000 {
		id := string(rune('a' + i))
		foldInto(t, s, of(id, came{}))
		foldInto(t, s, of(id, left{}))
	}
	foldInto(t, s, of("stays", came{}))
	if n, dirty := s.size(), len(s.(*tableSet[guest, guestKey]).dirty); n != 1 || dirty > 2 {
		t.Errorf("%d rows and %d changes are held of one row", n, dirty)
	}
	c, err := s.changes()
	if err != nil || len(c.inserted) != 1 || len(c.updated)+len(c.deleted) != 0 {
		t.Errorf("the changes are %+v, %v", c, err)
	}
}

// A row that goes and comes again before it is written, in one batch or in several, is written once, as it came last.
func TestARowThatComesAgainIsWrittenOnce(t *testing.T) {
	for _, whole := range []bool{true, false} {
		s := guests()
		if whole {
			s.complete()
		}
		foldInto(t, s, of("a", came{}), of("a", left{}), of("a", came{}), of("b", came{}))
		foldInto(t, s, of("a", left{}), of("b", left{}))
		foldInto(t, s, of("a", came{}))
		c, err := s.changes()
		if err != nil || len(c.inserted) != 1 || len(c.updated)+len(c.deleted) != 0 {
			t.Fatalf("the changes are %+v, %v", c, err)
		}
		if g := c.inserted[0].Interface().(guest); g.ID != "a" || g.Times != 1 {
			t.Errorf("written is %+v", g)
		}
		s.written(100)
		foldInto(t, s, of("a", left{}), of("b", came{}))
		if c, err = s.changes(); err != nil || len(c.inserted) != 1 || len(c.updated) != 0 || len(c.deleted) != 1 {
			t.Errorf("then the changes are %+v, %v", c, err)
		}
	}
}
