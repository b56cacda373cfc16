package projections

import "avportal/eventstore"

// Fold folds events into the rows of one table without a database, in the order in which the rows came to be. Each is a
// value of the table's row type. The error is an *EventError.
func Fold(t Table, events []eventstore.Recorded) ([]any, error) {
	s := t.newWorkingSet()
	s.complete()
	if err := s.touch(events); err != nil {
		return nil, err
	}
	if err := s.fold(events); err != nil {
		return nil, err
	}
	c, err := s.changes()
	if err != nil {
		return nil, err
	}
	rows := make([]any, len(c.inserted))
	for i, row := range c.inserted {
		rows[i] = row.Interface()
	}
	return rows, nil
}
