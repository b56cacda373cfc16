package device

import (
	"time"

	"avportal/domain"
)

// Facts say what a device is. A fact that could not be found out is empty.
type Facts struct {
	Hostname      string `json:"hostname"`
	OS            string `json:"os"`
	OSVersion     string `json:"os_version"`
	Arch          string `json:"arch"`
	IP            string `json:"ip"`
	Domain        string `json:"domain"`
	ClientVersion string `json:"client_version"`
	Engine        string `json:"engine"`

	// These three change several times a day.
	EngineVersion    string    `json:"engine_version"`
	SignatureVersion string    `json:"signature_version"`
	SignatureDate    time.Time `json:"signature_date,omitzero"`
}

// MaxFact bounds each fact, in bytes.
const MaxFact = 255

// checked gives the facts as they are stored.
func (f Facts) checked() (Facts, error) {
	for _, t := range []struct{ field, value string }{
		{"/facts/hostname", f.Hostname}, {"/facts/os", f.OS}, {"/facts/os_version", f.OSVersion}, {"/facts/arch", f.Arch},
		{"/facts/ip", f.IP}, {"/facts/domain", f.Domain}, {"/facts/client_version", f.ClientVersion}, {"/facts/engine", f.Engine},
		{"/facts/engine_version", f.EngineVersion}, {"/facts/signature_version", f.SignatureVersion},
	} {
		if err := domain.Text(t.field, t.value, MaxFact); err != nil {
			return f, err
		}
	}
	f.SignatureDate = instant(f.SignatureDate)
	return f, nil
}

// instant keeps a zero time zero.
func instant(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return domain.Instant(t)
}
