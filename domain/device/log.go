package device

import (
	"time"

	"avportal/domain"
)

// Log is what is known of a log that a device has sent. The log itself stands elsewhere, and not for long.
type Log struct {
	Bytes  int64  `json:"bytes"` // compressed
	SHA256 string `json:"sha256"`
}

// LogReceived says that the log that a device was asked for is there.
type LogReceived struct {
	Device  domain.DeviceID `json:"device"`
	Request RequestID       `json:"request"`
	Log     Log             `json:"log"`
	At      time.Time       `json:"at"`
}

// EventType is the stored type name.
func (LogReceived) EventType() string { return "device.log_received" }

// DownloadLog notes that somebody gets the log that a device has sent. Who asks makes sure that it is there.
type DownloadLog struct {
	Tenant  domain.Tenant
	Device  domain.DeviceID
	Request RequestID // that brought it
	At      time.Time
}

// LogDownloaded says that somebody got the log; who, stands beside it.
type LogDownloaded struct {
	Device  domain.DeviceID `json:"device"`
	Request RequestID       `json:"request"`
}

// EventType is the stored type name.
func (LogDownloaded) EventType() string { return "device.log_downloaded" }

// Stream is the device's.
func (c DownloadLog) Stream() domain.Stream { return Stream(c.Tenant, c.Device) }

// Needs is the right to manage devices.
func (c DownloadLog) Needs() domain.Permission { return domain.ManageDevices }

// AllowedWhenExpired is there because it is reading.
func (c DownloadLog) AllowedWhenExpired() {}

// Decide notes it each time.
func (c DownloadLog) Decide(s State) ([]domain.Event, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	return []domain.Event{LogDownloaded{Device: c.Device, Request: c.Request}}, nil
}
