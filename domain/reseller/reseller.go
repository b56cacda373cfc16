// Package reseller is the tenant itself: its name, its language and from when on it wants to be warned.
package reseller

import "avportal/domain"

// State is what decisions about a reseller need.
type State struct {
	tenant     domain.Tenant
	name       string
	language   Language
	thresholds domain.Thresholds
	conversion *Conversion // nil until it is answered
}

// Events are the event types of a reseller.
var Events = []domain.Declaration{
	domain.Declare[Registered](1),
	domain.Declare[Renamed](1),
	domain.Declare[ThresholdsChanged](1),
	domain.Declare[Converted](1),
	domain.Declare[ConversionDeclined](1),
}

// Stream is the stream of a reseller.
func Stream(t domain.Tenant) domain.Stream {
	return domain.Stream{Tenant: t, Kind: domain.KindReseller, ID: string(t)}
}

// Evolve returns the state after one more event.
func (s State) Evolve(e domain.Event) State {
	switch e := e.(type) {
	case Registered:
		s = State{tenant: e.Tenant, name: e.Name, language: e.Language, thresholds: domain.DefaultThresholds()}
	case Renamed:
		s.name = e.To
	case ThresholdsChanged:
		s.thresholds = e.To
	case Converted:
		s.conversion = &Conversion{Profile: e.Profile, Jobs: e.Jobs}
	case ConversionDeclined:
		s.conversion = &Conversion{Declined: true}
	}
	return s
}

// Scope is the tenant as a whole.
func (s State) Scope() domain.Scope { return domain.Scope{Tenant: s.tenant} }

// Exists reports whether the reseller has been registered.
func (s State) Exists() bool { return s.tenant != "" }

// Name is the reseller's name.
func (s State) Name() string { return s.name }

// Language is what the reseller's people read unless they choose another.
func (s State) Language() Language { return s.language }

// Thresholds are those that hold for the reseller now.
func (s State) Thresholds() domain.Thresholds { return s.thresholds }

// Conversion is how the question of the default profile was answered; nil while it is open. It must not be changed.
func (s State) Conversion() *Conversion { return s.conversion }
