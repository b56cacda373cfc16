package wire

import "time"

// Commands answers a poll: what the device has not yet started, oldest first. The portal offers a command until the
// device has said that it started (from then on it is in the device's own, durable table) or until it expires.
type Commands struct {
	Commands []Command `json:"commands"`
}

// Command asks a device to do something from the allow-list below. A device answers anything else with a failed result.
type Command struct {
	// ID names the command for ever; a device never executes the same id twice.
	ID string `json:"id"`
	// Kind is one of the Kind constants.
	Kind string `json:"kind"`
	// Profile says what to scan: one of the Profile constants. Only for KindScan.
	Profile string `json:"profile,omitempty"`
	// Paths are what to scan with ProfilePath. Each must lie within the roots that the device was configured with.
	Paths []string `json:"paths,omitempty"`
	// Configuration is what to take on. Only for KindApplyProfile.
	Configuration *Configuration `json:"configuration,omitempty"`

	RequestedAt time.Time `json:"requested_at"`
	// ExpiresAt is when a command that has not begun is refused. The zero time is refused as well.
	ExpiresAt time.Time `json:"expires_at"`
}

// The allow-list.
const (
	KindScan   = "scan"
	KindUpdate = "update"

	KindApplyProfile = "apply_profile" // take on the settings of Configuration

	KindLog = "log" // send what the device and its engine have written
)

// Scan profiles.
const (
	ProfileQuick     = "quick"     // the device's quick roots, or its roots where it has none of its own
	ProfileSystem    = "system"    // what of the device's roots lies on the system partition
	ProfileFull      = "full"      // all of the device's roots
	ProfileRemovable = "removable" // what of the device's roots are removable media
	ProfilePath      = "path"      // the paths of the command
)

// CommandStarted says that the device has begun.
type CommandStarted struct {
	At time.Time `json:"at"`
}

// CommandResult says how a command ended. A refused one (unknown kind, path outside the roots, expired) ends with OK
// false and a code, without having started.
type CommandResult struct {
	At time.Time `json:"at"`
	OK bool      `json:"ok"`
	// Code is one of the Result constants.
	Code string `json:"code"`
	// Detail is one sentence for people.
	Detail string `json:"detail"`
	// Scan and Threats are set for scans. Threats are those that this scan found or found gone, with the same ids as in
	// reports; the list says nothing about others. It is cut at MaxThreats; Scan.Infected is the true number.
	Scan    *Scan    `json:"scan,omitempty"`
	Threats []Threat `json:"threats,omitempty"`
	// SignatureVersion and SignatureDate are set for updates.
	SignatureVersion string     `json:"signature_version,omitempty"`
	SignatureDate    *time.Time `json:"signature_date,omitempty"`
	// Log is set for logs: text, compressed with gzip, at most MaxLogBytes. It tells no names of people's home folders.
	Log []byte `json:"log,omitempty"`
}

// How a command ended. An infected device is still ResultDone: the scan did what it was asked to.
const (
	ResultDone        = "done"
	ResultUnknownKind = "unknown_kind"
	ResultNotAllowed  = "not_allowed" // a path outside the roots
	ResultExpired     = "expired"
	ResultInvalid     = "invalid"        // a command that does not make sense, such as a path scan without paths
	ResultFailed      = "failed"         // the engine or the download failed
	ResultNoConsent   = "no_log_consent" // the portal's own: the customer had changed his mind when the log came
)
