package job

import (
	"fmt"
	"slices"
	"time"

	"avportal/domain"
)

// Order is what is to be done to each item. Which of its fields matter depends on the action.
type Order struct {
	Action        Action           `json:"action"`
	To            domain.GroupID   `json:"to,omitempty"`            // of MoveDevices
	Profile       string           `json:"profile,omitempty"`       // of ScanDevices: a scan that every client has, or the id of an own one
	Label         string           `json:"label,omitempty"`         // of LabelDevices; empty takes the designation away
	Reason        string           `json:"reason,omitempty"`        // of RemoveDevices
	Undoes        ID               `json:"undoes,omitempty"`        // of UndoMove: the job that moved the devices
	Configuration domain.ProfileID `json:"configuration,omitempty"` // of AssignProfile
}

// Accept takes on work. That the actor may touch each item is checked when the item's turn comes.
type Accept struct {
	Tenant   domain.Tenant
	Customer domain.CustomerID // that the actor is limited to; empty for the reseller's own people
	Job      ID
	Order    Order
	Items    []Item
	At       time.Time
}

// Accepted begins a job's history.
type Accepted struct {
	Tenant   domain.Tenant     `json:"tenant"`
	Customer domain.CustomerID `json:"customer,omitempty"`
	Job      ID                `json:"job"`
	Order    Order             `json:"order"`
	Items    []Item            `json:"items"`
}

// EventType is the stored type name.
func (Accepted) EventType() string { return "job.accepted" }

// Stream is the job's.
func (c Accept) Stream() domain.Stream { return Stream(c.Tenant, c.Job) }

// Needs is the right to do what the job does.
func (c Accept) Needs() domain.Permission {
	if c.Order.Action == AssignProfile {
		return domain.ManageProfiles
	}
	return domain.ManageDevices
}

// Creates is whoever the actor acts for.
func (c Accept) Creates() domain.Scope { return domain.Scope{Tenant: c.Tenant, Customer: c.Customer} }

// Decide accepts 1 to MaxItems items, each once.
func (c Accept) Decide(s State) ([]domain.Event, error) {
	if err := domain.CheckID("/job", string(c.Job)); err != nil {
		return nil, err
	}
	if err := c.Order.check(); err != nil {
		return nil, err
	}
	if len(c.Items) == 0 || len(c.Items) > MaxItems {
		return nil, domain.ErrInvalid.At("/items").With("A job has 1 to %d items; these are %d.", MaxItems, len(c.Items))
	}
	seen := make(map[Item]struct{}, len(c.Items))
	for i, d := range c.Items {
		field := fmt.Sprintf("/items/%d", i)
		if err := domain.CheckID(field, string(d)); err != nil {
			return nil, err
		}
		if _, twice := seen[d]; twice {
			return nil, domain.ErrInvalid.At(field).With("This item is given twice.")
		}
		seen[d] = struct{}{}
	}
	if s.Exists() {
		if s.order == c.Order && slices.Equal(s.items, c.Items) {
			return nil, nil
		}
		return nil, domain.ErrExists
	}
	return []domain.Event{Accepted{Tenant: c.Tenant, Customer: c.Customer, Job: c.Job, Order: c.Order, Items: slices.Clone(c.Items)}}, nil
}

func (o Order) check() error {
	switch o.Action {
	case MoveDevices:
		if o.To.License() == "" {
			return domain.ErrInvalid.At("/to").With("This is not the id of a group.")
		}
	case ScanDevices:
		return domain.CheckID("/profile", o.Profile)
	case LabelDevices:
		_, err := domain.Label("/label", o.Label)
		return err
	case RemoveDevices:
		_, err := domain.Label("/reason", o.Reason)
		return err
	case UndoMove:
		return domain.CheckID("/undoes", string(o.Undoes))
	case AssignProfile:
		return domain.CheckID("/configuration", string(o.Configuration))
	case UpdateDevices, TransmitProfiles:
	default:
		return domain.ErrInvalid.At("/action").With("There is no such action.")
	}
	return nil
}
