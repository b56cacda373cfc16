// Package wire is the contract between devices and the portal: the requests and answers of the device API under
// /agent/v1, as plain structs. The agent, the portal's handlers and the fleet simulator all import it, so that none of
// them can drift. It imports nothing but the standard library.
//
//	POST /agent/v1/enroll                     EnrollRequest -> 201 Enrolled
//	POST /agent/v1/reports                    Report        -> 204
//	GET  /agent/v1/commands?wait=25s          -> 200 Commands, or 204 when the wait ran out
//	POST /agent/v1/commands/{id}/started      CommandStarted -> 204
//	POST /agent/v1/commands/{id}/result       CommandResult  -> 204
//
// Every call but enroll carries "Authorization: Bearer <device_id>.<secret>" (see Credential). Bodies are JSON, times
// are RFC 3339 in UTC. Every refusal is a Problem (RFC 9457) with a stable code.
//
// # Repeating a call
//
// A device repeats whatever it got no answer to, possibly days later and after a restart, so every call may come any
// number of times. A repetition is answered like the first call and changes nothing:
//
//   - enroll is identified by device_guid and secret_hash. The same pair is a replay and gets the same device_id; a
//     known guid with another hash is 409 (CodeGUIDConflict), because a leaked TID must not take over a device. The
//     guid of a removed device may enroll again, with any hash, and becomes a device with a new id.
//   - reports are identified by Report.ID, sent as Idempotency-Key too.
//   - started and result are identified by the command id in the path. The first one wins.
//
// # Order
//
// A device sends reports, started and result from one queue, oldest first, one at a time: what happened first arrives
// first. The long poll runs beside that queue. The result of a scan comes before the report that repeats its threats, so
// that the portal can say which command brought them to light.
//
// # What an answer means to the device
//
//	201, 200, 204  as listed above; any other success is not the portal's answer (a hotel's login page) and means later
//	400, 413, 422  this entry can never be accepted: the device drops it, counts it and goes on
//	404, 409       the command is unknown or already answered: as above
//	401            the credential is not known: the device keeps its queue, asks rarely, and says so in its status
//	403            not allowed at the moment (an expired license): the device keeps its queue and asks rarely
//	410            the device was removed: it forgets its queue and stops until a person enrolls it again
//	anything else  and no answer: later, after Retry-After if there is one, else exponential backoff with jitter
//
// A refusal other than 413 that is not a Problem with a code comes from something between device and portal and means
// later as well: a proxy gone wrong must not make a fleet throw away its reports.
package wire

import (
	"net/url"
	"time"
)

// BasePath is where the device API lives below the portal's address.
const BasePath = "/agent/v1"

// Paths of the calls without an id in them.
const (
	EnrollPath   = BasePath + "/enroll"
	ReportsPath  = BasePath + "/reports"
	CommandsPath = BasePath + "/commands"
)

// Headers that both sides name.
const (
	HeaderIdempotencyKey = "Idempotency-Key"
	HeaderRetryAfter     = "Retry-After"
	ContentTypeJSON      = "application/json"
	ContentTypeProblem   = "application/problem+json"
)

// StartedPath is where a device says that it has begun the command.
func StartedPath(commandID string) string {
	return CommandsPath + "/" + url.PathEscape(commandID) + "/started"
}

// ResultPath is where a device says how the command ended.
func ResultPath(commandID string) string {
	return CommandsPath + "/" + url.PathEscape(commandID) + "/result"
}

// Waits that hold where neither side says otherwise.
const (
	// DefaultPollWait is how long a poll for commands is held open. It stays below the 30 s after which common proxies
	// cut an idle connection.
	DefaultPollWait = 25 * time.Second
	// MaxPollWait is the longest wait a device may ask for.
	MaxPollWait = 60 * time.Second
	// DefaultReportInterval is how often a device reports when nothing changes.
	DefaultReportInterval = 20 * time.Minute
)
