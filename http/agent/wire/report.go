package wire

import "time"

// Report is the whole picture of a device at one moment. Because each report is whole, a lost one costs history but
// never leaves the portal believing something that stopped being true.
type Report struct {
	// ID is a ULID made by the device; the same report keeps it over every repetition.
	ID string `json:"id"`
	// At is when the picture was taken, by the device's clock, which may be wrong.
	At     time.Time `json:"at"`
	Facts  Facts     `json:"facts"`
	Guards Guards    `json:"guards"`
	// Threats holds what is open and what was resolved since the report before.
	Threats []Threat `json:"threats"`
	// ThreatsComplete says that every threat open on the device is in Threats: one that the portal believes open and
	// that is not listed has been resolved. It is false where the device has more than MaxThreats open.
	ThreatsComplete bool `json:"threats_complete"`
	// Applied names the settings that are in force; nil from a device that does not know about profiles.
	Applied *Applied `json:"applied,omitempty"`
	// LastScan is the last scan that ended, nil if there was none.
	LastScan *Scan `json:"last_scan,omitempty"`
}

// Facts say what the device is. A fact that could not be found out is empty.
type Facts struct {
	Hostname  string `json:"hostname"`
	OS        string `json:"os"`
	OSVersion string `json:"os_version"`
	Arch      string `json:"arch"`
	// IP is the local address of the connection to the portal.
	IP string `json:"ip"`
	// Domain is the DNS or Windows domain the device belongs to.
	Domain        string `json:"domain"`
	ClientVersion string `json:"client_version"`
	// Engine is one of the Engine constants.
	Engine           string `json:"engine"`
	EngineVersion    string `json:"engine_version"`
	SignatureVersion string `json:"signature_version"`
	// SignatureDate is when the signatures were built, or the newest file time where the database does not say.
	SignatureDate *time.Time `json:"signature_date,omitempty"`
}

// Engines.
const (
	EngineClamd    = "clamd"
	EngineClamscan = "clamscan"
	EngineBuiltin  = "builtin"
)

// Guards are the protections of a device that are on (true) or off (false). One that the device does not have is
// absent: a server without a mail client is not yellow for lack of mail protection.
type Guards map[string]bool

// Guards known to the contract. The portal drops and counts others.
const (
	GuardEngine   = "engine"   // the scanner answers
	GuardRealtime = "realtime" // files are scanned when they are opened, or as soon as they have been written
	GuardMail     = "mail"
	GuardWeb      = "web"
	GuardSpam     = "spam"
	GuardAutoscan = "autoscan" // scans run on a schedule
)

// KnownGuards lists the guards of the contract.
func KnownGuards() []string {
	return []string{GuardEngine, GuardRealtime, GuardMail, GuardWeb, GuardSpam, GuardAutoscan}
}

// Threat is one finding in one file. It keeps its id from the moment it is found until it is resolved; should it come
// back afterwards, it is another threat with another id.
type Threat struct {
	// ID is a ULID made by the device.
	ID string `json:"id"`
	// Name is the name of the signature as people know it (without ClamAV's suffix ".UNOFFICIAL").
	Name string `json:"name"`
	Path string `json:"path"`
	// Action is what the device did about it, one of the Action constants.
	Action   string    `json:"action"`
	FoundAt  time.Time `json:"found_at"`
	Resolved bool      `json:"resolved"`
	// ResolvedAt is set if and only if Resolved is.
	ResolvedAt *time.Time `json:"resolved_at,omitempty"`
}

// Actions.
const (
	ActionNone        = "none"
	ActionBlocked     = "blocked"
	ActionQuarantined = "quarantined"
	ActionDeleted     = "deleted"
)

// Scan tells how a scan went.
type Scan struct {
	// CommandID is the portal's command that asked for it, empty for a scan started on the device.
	CommandID  string    `json:"command_id,omitempty"`
	Profile    string    `json:"profile"`
	Paths      []string  `json:"paths"`
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at"`
	// Outcome is one of the Outcome constants.
	Outcome string `json:"outcome"`
	// Files is how many files the engine looked at, -1 where the engine does not say.
	Files int64 `json:"files"`
	// Infected is how many of them held a threat.
	Infected int64 `json:"infected"`
	// Errors is how many could not be read.
	Errors int64  `json:"errors"`
	Detail string `json:"detail,omitempty"`
}

// Outcomes of a scan. Only a completed scan resolves threats, and only those in files that it could read or that are
// gone.
const (
	OutcomeCompleted = "completed"
	OutcomeAborted   = "aborted" // stopped half-way: the agent was told to end
	OutcomeFailed    = "failed"  // the engine could not do it
)
