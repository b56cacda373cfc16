// Package states says what the time of day makes of stored dates: outdated signatures, silent devices, licenses that are about to
// expire. Nothing of it is stored; each query judges by the reseller's thresholds, which each view keeps in a small table.
package states

import (
	"time"

	"avportal/domain"
)

// Signatures says how old a device's signatures are, by the reseller's thresholds.
type Signatures string

// The states of signatures, from good to bad.
const (
	SignaturesUnknown  Signatures = "unknown" // the device has not told
	SignaturesCurrent  Signatures = "current"
	SignaturesWarning  Signatures = "warning"
	SignaturesOutdated Signatures = "outdated"
	SignaturesCritical Signatures = "critical"
)

// Contact says for how long a device has not been heard of, by the reseller's thresholds.
type Contact string

// The states of contact, from good to bad.
const (
	Online  Contact = "online"
	Offline Contact = "offline" // some calls missed
	Silent  Contact = "silent"  // for days
	Stale   Contact = "stale"   // most likely gone
)

// Validity says whether a license holds.
type Validity string

// The states of a license.
const (
	Valid    Validity = "valid"
	Expiring Validity = "expiring" // it ends within the reseller's number of days
	Expired  Validity = "expired"
)

const day = 24 * time.Hour

// Cutoffs are the instants at which states change, for one reseller and one moment. Nothing that depends on the time of day is
// stored: a device becomes outdated without an event.
type Cutoffs struct {
	Now time.Time

	// Signatures from before these are in the state. They fall on full hours, so that a list and a count that is taken a moment
	// later agree: a state begins up to an hour early.
	Warning, Outdated, Critical time.Time

	OfflineBefore, SilentBefore, StaleBefore time.Time // last heard of before these

	ExpiringUntil time.Time // licenses that end at this instant or before are about to expire

	SeatsPercent int // from this share of the seats on, they are nearly used up
}

// At gives the cutoffs of thresholds at a moment.
func At(t domain.Thresholds, now time.Time) Cutoffs {
	ago := func(days int) time.Time { return now.Add(-time.Duration(days) * day) }
	return Cutoffs{
		Now:           now,
		Warning:       fullHour(ago(t.SignatureWarningDays)),
		Outdated:      fullHour(ago(t.SignatureOutdatedDays)),
		Critical:      fullHour(ago(t.SignatureCriticalDays)),
		OfflineBefore: now.Add(-time.Duration(t.OfflineMinutes) * time.Minute),
		SilentBefore:  ago(t.SilentDays),
		StaleBefore:   ago(t.StaleDays),
		ExpiringUntil: now.Add(time.Duration(t.ExpiringDays) * day),
		SeatsPercent:  t.SeatsPercent,
	}
}

// fullHour rounds up.
func fullHour(t time.Time) time.Time { return t.Add(time.Hour - 1).Truncate(time.Hour) }

// Signatures is the state of signatures of this date; zero means that the date is not known.
func (c Cutoffs) Signatures(date time.Time) Signatures {
	switch {
	case date.IsZero():
		return SignaturesUnknown
	case date.Before(c.Critical):
		return SignaturesCritical
	case date.Before(c.Outdated):
		return SignaturesOutdated
	case date.Before(c.Warning):
		return SignaturesWarning
	}
	return SignaturesCurrent
}

// Contact is the state of a device that was last heard of at an instant.
func (c Cutoffs) Contact(seen time.Time) Contact {
	switch {
	case seen.Before(c.StaleBefore):
		return Stale
	case seen.Before(c.SilentBefore):
		return Silent
	case seen.Before(c.OfflineBefore):
		return Offline
	}
	return Online
}

// Validity is the state of a license that holds until an instant; zero means that it has no end.
func (c Cutoffs) Validity(until time.Time) Validity {
	switch {
	case until.IsZero() || until.After(c.ExpiringUntil):
		return Valid
	case until.After(c.Now):
		return Expiring
	}
	return Expired
}

// Seats says how many seats of a license are in use.
type Seats string

// The states of seats. An MSP license is unlimited.
const (
	SeatsFree      Seats = "free"
	SeatsNearly    Seats = "nearly_used_up"
	SeatsUsedUp    Seats = "used_up"
	SeatsUnlimited Seats = "unlimited"
)

// Seats is the state of a license's seats.
func (c Cutoffs) Seats(unlimited bool, used, seats int) Seats {
	switch {
	case unlimited:
		return SeatsUnlimited
	case used >= seats:
		return SeatsUsedUp
	case used*100 >= seats*c.SeatsPercent:
		return SeatsNearly
	}
	return SeatsFree
}
