package device

import (
	"slices"
	"time"

	"avportal/domain"
)

// Threat is one finding in one file, as the client tells it. It keeps its id until it is resolved.
type Threat struct {
	ID         string
	Name       string
	Path       string
	Action     string    // what the client did about it: none, blocked, quarantined, deleted
	FoundAt    time.Time // by the device's clock
	Resolved   bool
	ResolvedAt time.Time // by the device's clock
}

// Bounds of what a client may tell of threats.
const (
	MaxThreats    = 1000 // open on one device; more would tell nobody anything more
	MaxThreatPath = 1024 // bytes
)

// ThreatFound says that a threat is on the device.
type ThreatFound struct {
	Device  domain.DeviceID `json:"device"`
	Threat  string          `json:"threat"`
	Name    string          `json:"name"`
	Path    string          `json:"path"`
	Action  string          `json:"action"`
	FoundAt time.Time       `json:"found_at,omitzero"` // by the device's clock
	Open    int             `json:"open"`              // threats on the device from now on
}

// EventType is the stored type name.
func (ThreatFound) EventType() string { return "device.threat_found" }

// ThreatResolved says that a threat is gone.
type ThreatResolved struct {
	Device     domain.DeviceID `json:"device"`
	Threat     string          `json:"threat"`
	Name       string          `json:"name"`
	Path       string          `json:"path"`
	How        Resolution      `json:"how"`
	Action     string          `json:"action"`               // what the client did about it, if it told
	ResolvedAt time.Time       `json:"resolved_at,omitzero"` // by the device's clock
	Open       int             `json:"open"`                 // threats on the device from now on
}

// EventType is the stored type name.
func (ThreatResolved) EventType() string { return "device.threat_resolved" }

// Resolution is how the portal learned that a threat is gone.
type Resolution string

// The ways to learn it.
const (
	Told     Resolution = "told"     // the client said so
	Unlisted Resolution = "unlisted" // the client told all open threats, and it was not among them
)

type openThreat struct{ id, name, path string }

func (s State) threats() []openThreat {
	c := s.current()
	if c == nil {
		return nil
	}
	return c.threats
}

// compare says which events follow from what a client tells. With complete, the list holds every open threat. A threat
// that came and went since the last report is told as both; one that is known to be over is not told again.
func (s State) compare(device domain.DeviceID, told []Threat, complete bool) ([]domain.Event, error) {
	open := map[string]openThreat{}
	for _, t := range s.threats() {
		open[t.id] = t
	}
	var events []domain.Event
	listed := map[string]bool{}
	for _, t := range told {
		if err := t.check(); err != nil {
			return nil, err
		}
		if listed[t.ID] || s.isOver(t.ID) {
			continue
		}
		known, isOpen := open[t.ID]
		if !isOpen {
			if len(open) >= MaxThreats {
				continue
			}
			known = openThreat{t.ID, t.Name, t.Path}
			open[t.ID] = known
			events = append(events, ThreatFound{
				Device: device, Threat: t.ID, Name: t.Name, Path: t.Path, Action: t.Action, FoundAt: instant(t.FoundAt), Open: len(open),
			})
		}
		listed[t.ID] = true
		if t.Resolved {
			delete(open, t.ID)
			events = append(events, ThreatResolved{
				Device: device, Threat: t.ID, Name: known.name, Path: known.path, How: Told,
				Action: t.Action, ResolvedAt: instant(t.ResolvedAt), Open: len(open),
			})
		}
	}
	if !complete {
		return events, nil
	}
	for _, t := range s.threats() {
		if _, still := open[t.id]; still && !listed[t.id] {
			delete(open, t.id)
			events = append(events, ThreatResolved{Device: device, Threat: t.id, Name: t.name, Path: t.path, How: Unlisted, Open: len(open)})
		}
	}
	return events, nil
}

func (t Threat) check() error {
	if err := domain.CheckID("/threats/id", t.ID); err != nil {
		return err
	}
	if err := domain.Text("/threats/name", t.Name, MaxFact); err != nil {
		return err
	}
	if err := domain.Text("/threats/action", t.Action, MaxFact); err != nil {
		return err
	}
	return domain.Text("/threats/path", t.Path, MaxThreatPath)
}

// The methods below change a copy; the slices of the original are left alone.

func (c *current) opened(t openThreat) *current {
	c.threats = append(slices.Clip(c.threats), t)
	return c
}

func (c *current) resolved(id string) *current {
	c.threats = without(c.threats, func(t openThreat) bool { return t.id == id })
	return c.past(id)
}

func (c *current) past(id string) *current {
	c.over = append(slices.Clone(c.over[max(0, len(c.over)-maxOver+1):]), hash(id))
	return c
}

func without[T any](list []T, drop func(T) bool) []T {
	if kept := slices.DeleteFunc(slices.Clone(list), drop); len(kept) > 0 {
		return kept
	}
	return nil
}
