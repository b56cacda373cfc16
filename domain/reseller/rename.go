package reseller

import (
	"time"

	"avportal/domain"
)

// Rename gives a reseller another name.
type Rename struct {
	Tenant domain.Tenant
	Name   string
	At     time.Time
}

// Renamed tells both names.
type Renamed struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// EventType is the stored type name.
func (Renamed) EventType() string { return "reseller.renamed" }

// Stream is the reseller's.
func (c Rename) Stream() domain.Stream { return Stream(c.Tenant) }

// Needs is the right to change the reseller's settings.
func (c Rename) Needs() domain.Permission { return domain.ManageReseller }

// Decide renames, unless it is the name already.
func (c Rename) Decide(s State) ([]domain.Event, error) {
	if !s.Exists() {
		return nil, domain.ErrNotFound
	}
	name, err := domain.Name("/name", c.Name)
	if err != nil || name == s.name {
		return nil, err
	}
	return []domain.Event{Renamed{From: s.name, To: name}}, nil
}
