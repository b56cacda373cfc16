package device

import "avportal/domain"

// RequestState is where a request stands, in the words of the action log.
type RequestState string

// The six states.
const (
	Created     RequestState = "created"     // queued behind another
	Outstanding RequestState = "outstanding" // the next one to be handed to the device
	Waiting     RequestState = "waiting"     // handed to the device, which has not begun yet
	Running     RequestState = "running"
	Completed   RequestState = "completed" // the device has answered, with success or not
	Aborted     RequestState = "aborted"   // cancelled, expired, or no answer came
)

func stateOf(p phase, first bool) RequestState {
	switch {
	case p == started:
		return Running
	case p == sent:
		return Waiting
	case first:
		return Outstanding
	}
	return Created
}

// RequestStates says where each request of a history stands. The history is that of one device, or what one activity
// has left in it, in order; a request that is alone in it is never behind another. Other events do not matter.
func RequestStates(history []domain.Event) map[RequestID]RequestState {
	var s State
	states := map[RequestID]RequestState{}
	for _, e := range history {
		switch e := e.(type) {
		case RequestCompleted:
			states[e.Request] = Completed
		case RequestAborted:
			states[e.Request] = Aborted
		case ScanRequested, UpdateRequested, ProfileRequested, LogRequested, RequestSent, RequestStarted:
		default:
			continue
		}
		s = s.Evolve(e)
	}
	for _, p := range s.Pending() {
		states[p.ID] = p.State
	}
	return states
}
