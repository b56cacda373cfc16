package profile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"avportal/domain"
)

// ScanID names a scan profile: one of the four that every client has, or an own one of a profile.
type ScanID string

// The scan profiles that every client has.
const (
	QuickScan     ScanID = "quick"     // what people receive and run, and what is loaded: the client's fast system scan
	SystemScan    ScanID = "system"    // the system partition
	FullScan      ScanID = "full"      // the whole computer
	RemovableScan ScanID = "removable" // removable media
)

// ScanProfile is an own scan: the paths to look at, by a name that people know it by.
type ScanProfile struct {
	ID    ScanID   `json:"id"`
	Name  string   `json:"name"`
	Paths []string `json:"paths"`
}

func (p ScanProfile) equal(o ScanProfile) bool {
	return p.ID == o.ID && p.Name == o.Name && slices.Equal(p.Paths, o.Paths)
}

// Autoscan makes the client scan by itself.
type Autoscan struct {
	Enabled  bool     `json:"enabled"`
	Scan     ScanID   `json:"scan"`
	Schedule Schedule `json:"schedule"`
}

// Frequency is how often a scan runs.
type Frequency string

// The frequencies there are.
const (
	Daily   Frequency = "daily"
	Weekly  Frequency = "weekly"
	Monthly Frequency = "monthly"
)

// Schedule says when a scan runs, by the clock of the device.
type Schedule struct {
	Every   Frequency `json:"every"`
	Weekday Weekday   `json:"weekday,omitempty"` // of Weekly
	Day     int       `json:"day,omitempty"`     // of Monthly, 1 to 31; in a shorter month its last day
	Time    string    `json:"time"`              // "15:04"
}

// Weekday is a day of the week in English, in small letters.
type Weekday string

var weekdays = []Weekday{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}

func (s Schedule) check() error {
	const at = "/autoscan/schedule"
	switch {
	case s.Every != Daily && s.Every != Weekly && s.Every != Monthly:
		return domain.ErrInvalid.At(at + "/every").With(`A scan runs "daily", "weekly" or "monthly".`)
	case s.Every == Weekly && !slices.Contains(weekdays, s.Weekday):
		return domain.ErrInvalid.At(at + "/weekday").With(`A weekly scan needs a day of the week, such as "monday".`)
	case s.Every != Weekly && s.Weekday != "":
		return domain.ErrInvalid.At(at + "/weekday").With("Only a weekly scan has a day of the week.")
	case s.Every == Monthly && (s.Day < 1 || s.Day > 31):
		return domain.ErrInvalid.At(at + "/day").With("A monthly scan needs a day of the month, 1 to 31.")
	case s.Every != Monthly && s.Day != 0:
		return domain.ErrInvalid.At(at + "/day").With("Only a monthly scan has a day of the month.")
	}
	hour, minute, ok := strings.Cut(s.Time, ":")
	h, err1 := strconv.Atoi(hour)
	m, err2 := strconv.Atoi(minute)
	if !ok || len(hour) != 2 || len(minute) != 2 || err1 != nil || err2 != nil || h < 0 || h > 23 || m < 0 || m > 59 {
		return domain.ErrInvalid.At(at + "/time").With(`The time is that of a clock, "00:00" to "23:59".`)
	}
	return nil
}

func cleanScans(in []ScanProfile) ([]ScanProfile, error) {
	const at = "/scan_profiles"
	if len(in) > MaxScanProfiles {
		return nil, tooMany(at, len(in), MaxScanProfiles)
	}
	var out []ScanProfile
	for i, p := range in {
		field := fmt.Sprintf("%s/%d", at, i)
		if err := domain.CheckID(field+"/id", string(p.ID)); err != nil {
			return nil, err
		}
		name, err := domain.Name(field+"/name", p.Name)
		if err != nil {
			return nil, err
		}
		switch {
		case p.ID.builtIn():
			return nil, domain.ErrInvalid.At(field + "/id").With("This is the id of a scan that every client has.")
		case slices.ContainsFunc(out, func(o ScanProfile) bool { return o.ID == p.ID }):
			return nil, domain.ErrInvalid.At(field + "/id").With("Another scan profile has this id.")
		case slices.ContainsFunc(out, func(o ScanProfile) bool { return domain.Fold(o.Name) == domain.Fold(name) }):
			return nil, domain.ErrInvalid.At(field + "/name").With("Another scan profile has this name.")
		case len(p.Paths) == 0:
			return nil, domain.ErrInvalid.At(field + "/paths").With("A scan needs at least one path.")
		}
		paths, err := texts(field+"/paths", p.Paths, MaxScanPaths, MaxPath)
		if err != nil {
			return nil, err
		}
		out = append(out, ScanProfile{ID: p.ID, Name: name, Paths: paths})
	}
	return out, nil
}

func (id ScanID) builtIn() bool {
	return id == QuickScan || id == SystemScan || id == FullScan || id == RemovableScan
}

// OwnScan finds an own scan profile.
func (s Settings) OwnScan(id ScanID) (ScanProfile, bool) {
	i := slices.IndexFunc(s.ScanProfiles, func(p ScanProfile) bool { return p.ID == id })
	if i < 0 {
		return ScanProfile{}, false
	}
	return s.ScanProfiles[i], true
}
