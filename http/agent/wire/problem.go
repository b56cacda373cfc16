package wire

// Problem is the body of every refusal (RFC 9457, content type ContentTypeProblem).
type Problem struct {
	Type   string `json:"type,omitempty"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Code is stable: programs decide by it, never by Title or Detail.
	Code string `json:"code"`
}

// Codes of the device API.
const (
	CodeInvalidRequest  = "invalid_request"  // 400: not JSON, or a field is missing or malformed
	CodeUnauthorized    = "unauthorized"     // 401: bearer missing, unknown or revoked
	CodeUnknownTID      = "unknown_tid"      // 403: no license or group has this TID (or no longer)
	CodeLicenseExpired  = "license_expired"  // 403
	CodeNoSeats         = "no_seats"         // 403: every seat of the license is taken
	CodeUnknownGroup    = "unknown_group"    // 422: the group is not in the TID's license
	CodeUnknownCommand  = "unknown_command"  // 404
	CodeGUIDConflict    = "guid_conflict"    // 409: the guid belongs to a device with another secret
	CodeCommandFinished = "command_finished" // 409: it was cancelled, or has expired in the portal
	CodeDeviceRemoved   = "device_removed"   // 410
	CodeTooLarge        = "too_large"        // 413: body over MaxBodyBytes
	CodeIDReused        = "id_reused"        // 422: this id came before with another content
	CodeRateLimited     = "rate_limited"     // 429, with Retry-After
	CodeUnavailable     = "unavailable"      // 503, with Retry-After
)
