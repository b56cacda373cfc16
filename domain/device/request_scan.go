package device

import (
	"fmt"
	"time"

	"avportal/domain"
)

// ScanProfile says what to scan.
type ScanProfile string

// The profiles there are.
const (
	ProfileQuick     ScanProfile = "quick"
	ProfileSystem    ScanProfile = "system" // the system partition
	ProfileFull      ScanProfile = "full"
	ProfileRemovable ScanProfile = "removable" // removable media
	ProfilePath      ScanProfile = "path"      // the paths of the request
	ProfileOwn       ScanProfile = "own"       // those of an own scan profile, which the request names
)

// MaxPaths bounds the paths of one scan.
const MaxPaths = 64

// RequestScan asks a device to scan itself.
type RequestScan struct {
	Tenant  domain.Tenant
	Device  domain.DeviceID
	Request RequestID // a fresh UUID
	Profile ScanProfile
	Name    string   // with ProfileOwn, and only then
	Paths   []string // with ProfilePath and ProfileOwn, and only then
	At      time.Time
}

// ScanRequested says what the device is to scan, and when the request is given up if the device does not start.
type ScanRequested struct {
	Device    domain.DeviceID `json:"device"`
	Request   RequestID       `json:"request"`
	Profile   ScanProfile     `json:"profile"`
	Name      string          `json:"name,omitempty"`
	Paths     []string        `json:"paths,omitempty"`
	At        time.Time       `json:"at"`
	ExpiresAt time.Time       `json:"expires_at"`
}

// EventType is the stored type name.
func (ScanRequested) EventType() string { return "device.scan_requested" }

// Stream is the device's.
func (c RequestScan) Stream() domain.Stream { return Stream(c.Tenant, c.Device) }

// Needs is the right to manage devices.
func (c RequestScan) Needs() domain.Permission { return domain.ManageDevices }

// Decide queues the scan, unless the same one already waits.
func (c RequestScan) Decide(s State) ([]domain.Event, error) {
	if err := c.checkPaths(); err != nil {
		return nil, err
	}
	at := domain.Instant(c.At)
	return s.admit(Pending{ID: c.Request, Kind: Scan, Profile: c.Profile, Name: c.Name, Paths: c.Paths}, ScanRequested{
		Device: c.Device, Request: c.Request, Profile: c.Profile, Name: c.Name, Paths: append([]string(nil), c.Paths...), At: at, ExpiresAt: at.Add(RequestLifetime),
	})
}

func (c RequestScan) checkPaths() error {
	if (c.Name != "") != (c.Profile == ProfileOwn) {
		return domain.ErrInvalid.At("/name").With("A name goes with an own scan profile, and only with one.")
	}
	if _, err := domain.Label("/name", c.Name); err != nil {
		return err
	}
	switch c.Profile {
	case ProfileQuick, ProfileSystem, ProfileFull, ProfileRemovable:
		if len(c.Paths) > 0 {
			return domain.ErrInvalid.At("/paths").With(`Paths go with the profile "path" only.`)
		}
	case ProfilePath, ProfileOwn:
		if len(c.Paths) == 0 || len(c.Paths) > MaxPaths {
			return domain.ErrInvalid.At("/paths").With("A scan of paths needs 1 to %d of them.", MaxPaths)
		}
	default:
		return domain.ErrInvalid.At("/profile").With(`The scan profiles are "quick", "system", "full", "removable", "path" and "own".`)
	}
	for i, p := range c.Paths {
		field := fmt.Sprintf("/paths/%d", i)
		if p == "" {
			return domain.ErrInvalid.At(field).With("A path must not be empty.")
		}
		if err := domain.Text(field, p, MaxThreatPath); err != nil {
			return err
		}
	}
	return nil
}
