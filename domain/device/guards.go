package device

import "fmt"

// Guard is one protection of a device. A device that does not have it (a server without mail, say) is not worse for it.
type Guard uint8

// What a guard can be.
const (
	Absent Guard = iota
	Off
	On
)

// MarshalText gives "on", "off" or "absent".
func (g Guard) MarshalText() ([]byte, error) {
	switch g {
	case Absent:
		return []byte("absent"), nil
	case Off:
		return []byte("off"), nil
	case On:
		return []byte("on"), nil
	}
	return nil, fmt.Errorf("guard %d is unknown", g)
}

// UnmarshalText is the inverse of MarshalText.
func (g *Guard) UnmarshalText(text []byte) error {
	switch string(text) {
	case "absent":
		*g = Absent
	case "off":
		*g = Off
	case "on":
		*g = On
	default:
		return fmt.Errorf("guard %q is unknown", text)
	}
	return nil
}

// Guards are the protections of a device: those that the device API knows.
type Guards struct {
	Engine   Guard `json:"engine"`   // the scanner answers
	Realtime Guard `json:"realtime"` // files are scanned when they are opened or written
	Mail     Guard `json:"mail"`
	Web      Guard `json:"web"`
	Spam     Guard `json:"spam"`
	Autoscan Guard `json:"autoscan"` // scans run on a schedule
}

// Protection sums guards up in the colour that the client itself shows.
type Protection string

// The colours.
const (
	Green   Protection = "green"   // every guard that the device has is on
	Yellow  Protection = "yellow"  // some are off
	Red     Protection = "red"     // all are off
	Unknown Protection = "unknown" // the device has not told yet
)

// Protection is the colour of these guards.
func (g Guards) Protection() Protection {
	on, off := 0, 0
	for _, guard := range []Guard{g.Engine, g.Realtime, g.Mail, g.Web, g.Spam, g.Autoscan} {
		switch guard {
		case On:
			on++
		case Off:
			off++
		}
	}
	switch {
	case on+off == 0:
		return Unknown
	case off == 0:
		return Green
	case on == 0:
		return Red
	}
	return Yellow
}

// SwitchedOff names the guards that are on in g and off in a later state.
func (g Guards) SwitchedOff(later Guards) (names []string) {
	for _, guard := range []struct {
		name          string
		before, after Guard
	}{
		{"engine", g.Engine, later.Engine}, {"realtime", g.Realtime, later.Realtime}, {"mail", g.Mail, later.Mail},
		{"web", g.Web, later.Web}, {"spam", g.Spam, later.Spam}, {"autoscan", g.Autoscan, later.Autoscan},
	} {
		if guard.before == On && guard.after == Off {
			names = append(names, guard.name)
		}
	}
	return names
}
