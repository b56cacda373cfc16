package reseller

import (
	"time"

	"avportal/domain"
)

// Language is one that the portal speaks.
type Language string

// The languages there are.
const (
	German  Language = "de"
	English Language = "en"
)

// Register makes a reseller known to the portal. Its tenant id is chosen by who runs the installation.
type Register struct {
	Tenant   domain.Tenant
	Name     string
	Language Language // empty means German
	At       time.Time
}

// Registered begins a reseller's history. The default thresholds hold.
type Registered struct {
	Tenant   domain.Tenant `json:"tenant"`
	Name     string        `json:"name"`
	Language Language      `json:"language"`
}

// EventType is the stored type name.
func (Registered) EventType() string { return "reseller.registered" }

// Stream is the reseller's.
func (c Register) Stream() domain.Stream { return Stream(c.Tenant) }

// Needs is the right to register resellers.
func (c Register) Needs() domain.Permission { return domain.OperatePlatform }

// Creates is the new tenant.
func (c Register) Creates() domain.Scope { return domain.Scope{Tenant: c.Tenant} }

// Decide registers once; the same registration again is already so.
func (c Register) Decide(s State) ([]domain.Event, error) {
	name, err := domain.Name("/name", c.Name)
	if err != nil {
		return nil, err
	}
	language := c.Language
	if language == "" {
		language = German
	}
	switch {
	case !c.Tenant.Valid():
		return nil, domain.ErrInvalid.At("/tenant").With("A tenant is a UUID without dashes, in lower case.")
	case language != German && language != English:
		return nil, domain.ErrInvalid.At("/language").With(`The languages are "de" and "en".`)
	case s.Exists() && (s.name != name || s.language != language):
		return nil, domain.ErrExists
	case s.Exists():
		return nil, nil
	}
	return []domain.Event{Registered{Tenant: c.Tenant, Name: name, Language: language}}, nil
}
