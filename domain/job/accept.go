package job

import (
	"fmt"
	"slices"
	"time"

	"avportal/domain"
)

// Accept takes on work. That the actor may touch each item is checked when the item's turn comes.
type Accept struct {
	Tenant   domain.Tenant
	Customer domain.CustomerID // that the actor is limited to; empty for the reseller's own people
	Job      ID
	Action   Action
	Items    []domain.DeviceID
	To       domain.GroupID // of MoveDevices
	Profile  string         // of ScanDevices: "quick" or "full"
	At       time.Time
}

// Accepted begins a job's history.
type Accepted struct {
	Tenant   domain.Tenant     `json:"tenant"`
	Customer domain.CustomerID `json:"customer,omitempty"`
	Job      ID                `json:"job"`
	Action   Action            `json:"action"`
	Items    []domain.DeviceID `json:"items"`
	To       domain.GroupID    `json:"to,omitempty"`
	Profile  string            `json:"profile,omitempty"`
}

// EventType is the stored type name.
func (Accepted) EventType() string { return "job.accepted" }

// Stream is the job's.
func (c Accept) Stream() domain.Stream { return Stream(c.Tenant, c.Job) }

// Needs is the right to manage devices.
func (c Accept) Needs() domain.Permission { return domain.ManageDevices }

// Creates is whoever the actor acts for.
func (c Accept) Creates() domain.Scope { return domain.Scope{Tenant: c.Tenant, Customer: c.Customer} }

// Decide accepts 1 to MaxItems items, each once.
func (c Accept) Decide(s State) ([]domain.Event, error) {
	if err := domain.CheckID("/job", string(c.Job)); err != nil {
		return nil, err
	}
	if err := c.checkAction(); err != nil {
		return nil, err
	}
	if len(c.Items) == 0 || len(c.Items) > MaxItems {
		return nil, domain.ErrInvalid.At("/items").With("A job has 1 to %d items; these are %d.", MaxItems, len(c.Items))
	}
	seen := make(map[domain.DeviceID]struct{}, len(c.Items))
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
		if s.action == c.Action && s.to == c.To && s.profile == c.Profile && slices.Equal(s.items, c.Items) {
			return nil, nil
		}
		return nil, domain.ErrExists
	}
	return []domain.Event{Accepted{
		Tenant: c.Tenant, Customer: c.Customer, Job: c.Job, Action: c.Action, Items: slices.Clone(c.Items), To: c.To, Profile: c.Profile,
	}}, nil
}

func (c Accept) checkAction() error {
	switch c.Action {
	case MoveDevices:
		if c.To.License() == "" {
			return domain.ErrInvalid.At("/to").With("This is not the id of a group.")
		}
	case ScanDevices:
		if c.Profile != "quick" && c.Profile != "full" {
			return domain.ErrInvalid.At("/profile").With(`A scan of many devices has the profile "quick" or "full".`)
		}
	case UpdateDevices:
	default:
		return domain.ErrInvalid.At("/action").With("There is no such action.")
	}
	return nil
}
