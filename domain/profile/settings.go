package profile

import "slices"

// Settings are all that a profile says of the clients that use it. Updates of signatures have no switch: they are mandatory.
type Settings struct {
	Protection    Protection    `json:"protection,omitzero"`
	Mail          Mail          `json:"mail,omitzero"`
	Autoscan      Autoscan      `json:"autoscan,omitzero"`
	ScanProfiles  []ScanProfile `json:"scan_profiles,omitempty"` // own ones, besides those that every client has
	Updates       Updates       `json:"updates,omitzero"`
	Exclusions    Exclusions    `json:"exclusions,omitzero"`
	Lock          Lock          `json:"lock,omitzero"`
	Notifications Notifications `json:"notifications,omitzero"`
}

// Protection switches the guards of a client. A client that does not have one leaves it alone; the scanner itself is always on.
type Protection struct {
	Realtime bool `json:"realtime"` // files are scanned when they are opened
	Web      bool `json:"web"`
	Mail     bool `json:"mail"`
	Spam     bool `json:"spam"`
}

// Mail says how mails are treated where they are scanned.
type Mail struct {
	ShowWindow      bool       `json:"show_window"`      // while a mail is scanned
	KeepAttachments bool       `json:"keep_attachments"` // infected ones stay in the mail
	ReportIncoming  MailReport `json:"report_incoming"`
	ReportOutgoing  MailReport `json:"report_outgoing"`
}

// MailReport is where in a mail the client says that it has been scanned.
type MailReport string

// The places there are.
const (
	NoReport    MailReport = "none"
	ReportFirst MailReport = "start"
	ReportLast  MailReport = "end"
)

// Updates say how the client fetches updates.
type Updates struct {
	Product bool  `json:"product"` // new versions of the client too, not only signatures
	Proxy   Proxy `json:"proxy,omitzero"`
}

// Proxy stands between the client and what it fetches. Without a host there is none.
type Proxy struct {
	Host     string   `json:"host"`
	Port     int      `json:"port"`
	User     string   `json:"user,omitempty"`
	Password SecretID `json:"password,omitempty"`
}

// SecretID names a secret that is kept in the vault. The log never holds the secret itself, nor a hash of it: it only says
// that there is one, and when it became another.
type SecretID string

// Exclusions are what the client does not scan.
type Exclusions struct {
	Paths     []string `json:"paths,omitempty"`
	Processes []string `json:"processes,omitempty"` // names of programs; what they open is not scanned
	MaxFileMB int      `json:"max_file_mb"`         // larger files are not scanned; 0 means that all are
}

// Lock keeps people at the device from changing the client's settings.
type Lock struct {
	Password SecretID `json:"password,omitempty"` // of an argon2id hash; empty means that the settings are open
}

// Defaults are the settings of a new profile.
func Defaults() Settings {
	return Settings{
		Protection: Protection{Realtime: true, Web: true, Mail: true, Spam: true},
		Mail:       Mail{ShowWindow: true, ReportIncoming: NoReport, ReportOutgoing: NoReport},
		Autoscan:   Autoscan{Enabled: true, Scan: QuickScan, Schedule: Schedule{Every: Weekly, Weekday: "wednesday", Time: "12:00"}},
		Updates:    Updates{Product: true},
	}
}

// Section is a part of the settings.
type Section string

// The sections there are.
const (
	InProtection    Section = "protection"
	InMail          Section = "mail"
	InAutoscan      Section = "autoscan"
	InScanProfiles  Section = "scan_profiles"
	InUpdates       Section = "updates"
	InExclusions    Section = "exclusions"
	InLock          Section = "lock"
	InNotifications Section = "notifications"
)

// sections knows each section: whether it differs, and how to take it over.
var sections = []struct {
	name   Section
	differ func(a, b Settings) bool
	take   func(to *Settings, from Settings)
}{
	{InProtection, func(a, b Settings) bool { return a.Protection != b.Protection }, func(to *Settings, from Settings) { to.Protection = from.Protection }},
	{InMail, func(a, b Settings) bool { return a.Mail != b.Mail }, func(to *Settings, from Settings) { to.Mail = from.Mail }},
	{InAutoscan, func(a, b Settings) bool { return a.Autoscan != b.Autoscan }, func(to *Settings, from Settings) { to.Autoscan = from.Autoscan }},
	{
		InScanProfiles, func(a, b Settings) bool { return !slices.EqualFunc(a.ScanProfiles, b.ScanProfiles, ScanProfile.equal) },
		func(to *Settings, from Settings) { to.ScanProfiles = from.ScanProfiles },
	},
	{InUpdates, func(a, b Settings) bool { return a.Updates != b.Updates }, func(to *Settings, from Settings) { to.Updates = from.Updates }},
	{InExclusions, func(a, b Settings) bool { return !a.Exclusions.equal(b.Exclusions) }, func(to *Settings, from Settings) { to.Exclusions = from.Exclusions }},
	{InLock, func(a, b Settings) bool { return a.Lock != b.Lock }, func(to *Settings, from Settings) { to.Lock = from.Lock }},
	{
		InNotifications, func(a, b Settings) bool { return !a.Notifications.equal(b.Notifications) },
		func(to *Settings, from Settings) { to.Notifications = from.Notifications },
	},
}

func (e Exclusions) equal(o Exclusions) bool {
	return slices.Equal(e.Paths, o.Paths) && slices.Equal(e.Processes, o.Processes) && e.MaxFileMB == o.MaxFileMB
}

// difference gives the sections that differ, and of both settings only those.
func difference(a, b Settings) (names []Section, from, to Settings) {
	for _, s := range sections {
		if s.differ(a, b) {
			names = append(names, s.name)
			s.take(&from, a)
			s.take(&to, b)
		}
	}
	return names, from, to
}

// with takes the named sections over from others.
func (s Settings) with(names []Section, from Settings) Settings {
	for _, section := range sections {
		if slices.Contains(names, section.name) {
			section.take(&s, from)
		}
	}
	return s
}
