// Package job is work on many objects that was accepted at once and is done one by one, with a result for each.
package job

import (
	"avportal/domain"
)

// Action is what is done to each item.
type Action string

// The actions there are.
const (
	MoveDevices   Action = "move_devices"
	ScanDevices   Action = "scan_devices"
	UpdateDevices Action = "update_devices"

	TransmitProfiles Action = "transmit_profiles" // each device gets the settings of the profile that its group uses
	LabelDevices     Action = "label_devices"
	RemoveDevices    Action = "remove_devices"
	UndoMove         Action = "undo_move"      // puts back what an earlier MoveDevices has moved and nobody has moved since
	AssignProfile    Action = "assign_profile" // the items are groups: those that use no profile get one
)

// Item is the id of what something is done to: a device, or a group with AssignProfile.
type Item string

// ID names a job; in practice a UUID.
type ID string

// Bounds of one job.
const (
	MaxItems   = 20_000
	MaxResults = 1000 // told at once, so that an event stays small
	MaxMessage = 1024 // bytes
)

// State is what decisions about a job need, and its progress. Its exported methods stay safe to call while later
// events are folded: items are never changed, results only grow.
type State struct {
	scope   domain.Scope
	order   Order
	items   []Item
	results []Result
	failed  int
	ended   bool
	open    map[Item]struct{} // items without a result; changed in place, only for decisions
}

// Result is how it went for one item.
type Result struct {
	Item    Item   `json:"item"`
	OK      bool   `json:"ok"`
	Code    string `json:"code,omitempty"`    // of the refusal
	Message string `json:"message,omitempty"` // a sentence for people
}

// Events are the event types of a job.
var Events = []domain.Declaration{
	domain.Declare[Accepted](1),
	domain.Declare[Progressed](1),
	domain.Declare[Finished](1),
}

// Stream is the stream of a job.
func Stream(t domain.Tenant, j ID) domain.Stream {
	return domain.Stream{Tenant: t, Kind: domain.KindJob, ID: string(j)}
}

// Evolve returns the state after one more event.
func (s State) Evolve(e domain.Event) State {
	switch e := e.(type) {
	case Accepted:
		s = State{
			scope: domain.Scope{Tenant: e.Tenant, Customer: e.Customer},
			order: e.Order, items: e.Items, open: make(map[Item]struct{}, len(e.Items)),
		}
		for _, d := range e.Items {
			s.open[d] = struct{}{}
		}
	case Progressed:
		s.results = append(s.results, e.Results...)
		for _, r := range e.Results {
			delete(s.open, r.Item)
			if !r.OK {
				s.failed++
			}
		}
	case Finished:
		s.ended = true
	}
	return s
}

// Scope is whoever the job was accepted for.
func (s State) Scope() domain.Scope { return s.scope }

// Exists reports whether the job has been accepted.
func (s State) Exists() bool { return s.scope.Tenant != "" }

// Action is what is done to each item.
func (s State) Action() Action { return s.order.Action }

// To is the group that devices are moved to.
func (s State) To() domain.GroupID { return s.order.To }

// Items are all items, in the order they were given. The slice must not be changed.
func (s State) Items() []Item { return s.items }

// Results are the results so far, in the order they came. The slice must not be changed.
func (s State) Results() []Result { return s.results }

// Progress counts items with a result, all items, and results that are refusals.
func (s State) Progress() (done, total, failed int) { return len(s.results), len(s.items), s.failed }

// Ended reports whether every item has its result.
func (s State) Ended() bool { return s.ended }

// Remaining lists the items without a result, in the order they were given.
func (s State) Remaining() []Item {
	done := make(map[Item]struct{}, len(s.results))
	for _, r := range s.results {
		done[r.Item] = struct{}{}
	}
	var rest []Item
	for _, d := range s.items {
		if _, ok := done[d]; !ok {
			rest = append(rest, d)
		}
	}
	return rest
}
