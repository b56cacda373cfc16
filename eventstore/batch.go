package eventstore

// Batch is a run of events with nothing left out between After and the last.
type Batch struct {
	After  Position
	Events []Recorded
}

// Last is the position that the batch ends at.
func (b Batch) Last() Position {
	if len(b.Events) == 0 {
		return b.After
	}
	return b.Events[len(b.Events)-1].Position
}
