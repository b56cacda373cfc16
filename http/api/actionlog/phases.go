package actionlog

import (
	"time"

	"avportal/domain/device"
	"avportal/eventstore"
)

var noTime time.Time

// PhaseState is how far a phase is.
type PhaseState string

// The states of a phase.
const (
	Open   PhaseState = "open"
	Done   PhaseState = "done"
	Failed PhaseState = "failed"
)

// Phase is one of the three marks of what was asked of a device: request sent, answer received, answer successful.
type Phase struct {
	Name  string
	State PhaseState
	At    time.Time // zero while it is open
}

// phasesOf says how far a request to a device is; nil if the activity is none.
func phasesOf(events []eventstore.Recorded) []Phase {
	phases := []Phase{{"request_sent", Open, noTime}, {"answer_received", Open, noTime}, {"answer_successful", Open, noTime}}
	asked := false
	for _, r := range events {
		switch e := r.Event.(type) {
		case device.ScanRequested, device.UpdateRequested, device.ProfileRequested, device.LogRequested:
			asked = true
		case device.RequestSent:
			phases[0] = Phase{phases[0].Name, Done, r.At}
		case device.RequestCompleted:
			if phases[0].State == Open { // a client may answer what it was told of before it asked
				phases[0] = Phase{phases[0].Name, Done, r.At}
			}
			phases[1] = Phase{phases[1].Name, Done, r.At}
			phases[2] = Phase{phases[2].Name, Failed, r.At}
			if e.OK {
				phases[2].State = Done
			}
		case device.RequestAborted:
			for i := range phases {
				if phases[i].State == Open {
					phases[i] = Phase{phases[i].Name, Failed, r.At}
				}
			}
		}
	}
	if !asked {
		return nil
	}
	return phases
}
