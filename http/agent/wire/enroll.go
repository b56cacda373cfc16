package wire

// EnrollRequest makes a device known to the portal. It is the only call without a bearer; the TID can do nothing else.
type EnrollRequest struct {
	// TID is the enrollment token of the license or group, as an administrator handed it out.
	TID string `json:"tid"`
	// DeviceGUID is a random UUID made when the agent was installed and kept for ever. It is not derived from the
	// hardware, so that cloned machines do not share one by accident of their vendor.
	DeviceGUID string `json:"device_guid"`
	// SecretHash is HashSecret of a 256-bit secret that only the device holds.
	SecretHash string `json:"secret_hash"`
	// Group is the id of a group within the license of the TID; empty means the group that the TID stands for.
	Group string `json:"group,omitempty"`
	Facts Facts  `json:"facts"`
}

// Enrolled answers an enrollment and each replay of it.
type Enrolled struct {
	// DeviceID is the portal's name for the device. It holds no dot (see Credential).
	DeviceID string `json:"device_id"`
	// PollWaitSeconds is the wait to ask for when polling; 0 means DefaultPollWait.
	PollWaitSeconds int `json:"poll_wait_seconds"`
	// ReportIntervalSeconds is the longest silence between two reports; 0 means DefaultReportInterval.
	ReportIntervalSeconds int `json:"report_interval_seconds"`
}
