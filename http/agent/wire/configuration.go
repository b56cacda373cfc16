package wire

// Configuration are the settings of a configuration profile that a device is to take on, whole: what is not in it is off or
// none. A device leaves alone what it does not have, and says by its guards what is in force.
type Configuration struct {
	// Profile and Edition name the settings. A device tells them in its reports as long as they are in force.
	Profile string `json:"profile"`
	Edition int    `json:"edition"`

	Protection   Protection   `json:"protection"`
	Mail         Mail         `json:"mail"`
	Autoscan     Autoscan     `json:"autoscan"`
	ScanProfiles []OwnScan    `json:"scan_profiles,omitempty"`
	Updates      Updates      `json:"updates"`
	Exclusions   Exclusions   `json:"exclusions"`
	Lock         SettingsLock `json:"lock"`
}

// Applied names the settings that are in force on a device; the zero value says that it has those that it came with.
type Applied struct {
	Profile string `json:"profile"`
	Edition int    `json:"edition"`
}

// Protection switches guards. The scanner itself is always on.
type Protection struct {
	Realtime bool `json:"realtime"`
	Web      bool `json:"web"`
	Mail     bool `json:"mail"`
	Spam     bool `json:"spam"`
}

// Mail says how mails are treated. A report is "none", or stands at the "start" or the "end" of a mail.
type Mail struct {
	ShowWindow      bool   `json:"show_window"`
	KeepAttachments bool   `json:"keep_attachments"`
	ReportIncoming  string `json:"report_incoming"`
	ReportOutgoing  string `json:"report_outgoing"`
}

// Autoscan makes the device scan by itself.
type Autoscan struct {
	Enabled bool `json:"enabled"`
	// Scan is one of the Profile constants but ProfilePath, or the id of an own scan.
	Scan     string   `json:"scan"`
	Schedule Schedule `json:"schedule"`
}

// Schedule says when a scan runs, by the clock of the device.
type Schedule struct {
	// Every is one of the Every constants.
	Every string `json:"every"`
	// Weekday is the day of a weekly scan in English, in small letters.
	Weekday string `json:"weekday,omitempty"`
	// Day is the day of a monthly scan, 1 to 31; in a shorter month it runs on the last day.
	Day int `json:"day,omitempty"`
	// Time is "15:04".
	Time string `json:"time"`
}

// How often a scan runs.
const (
	EveryDay   = "daily"
	EveryWeek  = "weekly"
	EveryMonth = "monthly"
)

// OwnScan is a scan of the profile's own.
type OwnScan struct {
	ID    string   `json:"id"`
	Name  string   `json:"name"`
	Paths []string `json:"paths"`
}

// Updates say how updates are fetched. Signatures always are.
type Updates struct {
	// Product asks for new versions of the client too.
	Product bool  `json:"product"`
	Proxy   Proxy `json:"proxy,omitzero"`
}

// Proxy stands between the device and what it fetches. Without a host there is none.
type Proxy struct {
	Host     string `json:"host"`
	Port     int    `json:"port"`
	User     string `json:"user,omitempty"`
	Password string `json:"password,omitempty"`
}

// Exclusions are what is not scanned.
type Exclusions struct {
	Paths     []string `json:"paths,omitempty"`
	Processes []string `json:"processes,omitempty"`
	// MaxFileMB is the size above which files are not scanned; 0 means that all are.
	MaxFileMB int `json:"max_file_mb"`
}

// SettingsLock keeps people from changing settings at the device.
type SettingsLock struct {
	// PasswordHash is argon2id in the PHC form; empty means that the settings are open.
	PasswordHash string `json:"password_hash,omitempty"`
}
