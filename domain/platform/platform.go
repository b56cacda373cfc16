// Package platform is what the operators of the installation decide, on behalf of no reseller: for now, which events a read
// model leaves out.
package platform

import (
	"slices"

	"avportal/domain"
)

// Tenant is the one in which operators' decisions stand. No reseller has it.
const Tenant domain.Tenant = "00000000000000000000000000000000"

// Events are the event types of the platform.
var Events = []domain.Declaration{
	domain.Declare[EventQuarantined](1),
}

// ViewStream is where the decisions about one view stand.
func ViewStream(view string) domain.Stream {
	return domain.Stream{Tenant: Tenant, Kind: domain.KindView, ID: view}
}

// View is what decisions about a view need: which events it leaves out.
type View struct{ quarantined []string }

// Scope is the platform's.
func (View) Scope() domain.Scope { return domain.Scope{Tenant: Tenant} }

// Evolve notes one more decision.
func (v View) Evolve(e domain.Event) View {
	if q, ok := e.(EventQuarantined); ok {
		v.quarantined = append(slices.Clip(v.quarantined), q.Event)
	}
	return v
}

func (v View) leavesOut(event string) bool { return slices.Contains(v.quarantined, event) }
