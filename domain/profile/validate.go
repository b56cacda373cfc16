package profile

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"avportal/domain"
)

// Bounds of the settings. Together they keep an event that tells old and new ones within what a log takes.
const (
	MaxScanProfiles = 20
	MaxScanPaths    = 64 // what a device takes at once
	MaxExclusions   = 200
	MaxRecipients   = 50
	MaxPath         = 1024 // bytes
	MaxProcess      = 255
	MaxAddress      = 254
	MaxHost         = 253
	MaxUser         = 255
	MaxFileMB       = 1 << 20
	MaxSettings     = 128 << 10 // bytes of all settings as they are stored
)

// clean gives settings the form in which they are stored, or refuses them; the error names the field by its place in the
// settings.
func (s Settings) clean() (Settings, error) {
	var err error
	for _, r := range []struct {
		field string
		value MailReport
	}{{"/mail/report_incoming", s.Mail.ReportIncoming}, {"/mail/report_outgoing", s.Mail.ReportOutgoing}} {
		if r.value != NoReport && r.value != ReportFirst && r.value != ReportLast {
			return s, domain.ErrInvalid.At(r.field).With(`The client reports at the "start" or the "end" of a mail, or not at all: "none".`)
		}
	}
	if s.ScanProfiles, err = cleanScans(s.ScanProfiles); err != nil {
		return s, err
	}
	if _, own := s.OwnScan(s.Autoscan.Scan); !own && !s.Autoscan.Scan.builtIn() {
		return s, domain.ErrInvalid.At("/autoscan/scan").With("There is no such scan profile.")
	}
	if err := s.Autoscan.Schedule.check(); err != nil {
		return s, err
	}
	if s.Updates.Proxy, err = s.Updates.Proxy.clean(); err != nil {
		return s, err
	}
	if s.Exclusions, err = s.Exclusions.clean(); err != nil {
		return s, err
	}
	if s.Notifications, err = s.Notifications.clean(); err != nil {
		return s, err
	}
	for _, secret := range []SecretID{s.Updates.Proxy.Password, s.Lock.Password} {
		if secret != "" && domain.CheckID("", string(secret)) != nil {
			return s, domain.ErrInvalid.With("This is not the id of a secret.")
		}
	}
	stored, err := json.Marshal(s.withoutPeople()) // these are few, and stored sealed
	if err == nil && len(stored) > MaxSettings {
		err = domain.ErrInvalid.With("The settings take %d bytes; %d are allowed.", len(stored), MaxSettings)
	}
	return s, err
}

func (s Settings) withoutPeople() Settings {
	s.Notifications = Notifications{}
	return s
}

func (p Proxy) clean() (Proxy, error) {
	const at = "/updates/proxy"
	p.Host = strings.TrimSpace(p.Host)
	if p.Host == "" {
		if p.User != "" || p.Password != "" || p.Port != 0 {
			return p, domain.ErrInvalid.At(at + "/host").With("A proxy needs a host.")
		}
		return p, nil
	}
	if strings.ContainsAny(p.Host, "/@?# ") || domain.Text("", p.Host, MaxHost) != nil {
		return p, domain.ErrInvalid.At(at + "/host").With("This is the name or address of a host, without scheme and path.")
	}
	if p.Port < 1 || p.Port > 65535 {
		return p, domain.ErrInvalid.At(at + "/port").With("A port is a number from 1 to 65535.")
	}
	if p.Password != "" && p.User == "" {
		return p, domain.ErrInvalid.At(at + "/user").With("A password needs a user.")
	}
	return p, domain.Text(at+"/user", p.User, MaxUser)
}

func (e Exclusions) clean() (Exclusions, error) {
	var err error
	if e.Paths, err = texts("/exclusions/paths", e.Paths, MaxExclusions, MaxPath); err != nil {
		return e, err
	}
	for i, p := range e.Paths {
		if whole := strings.TrimRight(p, `/\*.`); whole == "" || len(whole) == 2 && whole[1] == ':' {
			return e, domain.ErrInvalid.At(fmt.Sprintf("/exclusions/paths/%d", i)).With("This excludes a whole drive. Name a folder or a file.")
		}
	}
	if e.Processes, err = texts("/exclusions/processes", e.Processes, MaxExclusions, MaxProcess); err != nil {
		return e, err
	}
	if e.MaxFileMB < 0 || e.MaxFileMB > MaxFileMB {
		return e, domain.ErrInvalid.At("/exclusions/max_file_mb").With("This is a number of megabytes, 0 to %d.", MaxFileMB)
	}
	return e, nil
}

// texts checks a list of paths or names, each of which stands in it once. An empty list becomes nil.
func texts(field string, in []string, most, limit int) (out []string, err error) {
	if len(in) > most {
		return nil, tooMany(field, len(in), most)
	}
	for i, s := range in {
		at := fmt.Sprintf("%s/%d", field, i)
		s = strings.TrimSpace(s)
		switch err := domain.Text(at, s, limit); {
		case err != nil:
			return nil, err
		case s == "":
			return nil, domain.ErrInvalid.At(at).With("This must not be empty.")
		case slices.Contains(out, s):
			return nil, domain.ErrInvalid.At(at).With("This is given twice.")
		}
		out = append(out, s)
	}
	return out, nil
}

func tooMany(field string, n, most int) error {
	return domain.ErrInvalid.At(field).With("There may be %d of these; there are %d.", most, n)
}
