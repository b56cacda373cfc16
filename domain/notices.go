package domain

// Notice is a kind of notification. There is one list of them: for the sidebar, for mail and for webhooks.
type Notice string

// The kinds there are.
const (
	NoticeVirusFound        Notice = "virus_found"
	NoticeCleaningFailed    Notice = "cleaning_failed"
	NoticeGuardOff          Notice = "guard_off"
	NoticeOutdated          Notice = "outdated"
	NoticeNotSeen           Notice = "not_seen"
	NoticeInstalled         Notice = "installed"
	NoticeRemoved           Notice = "removed"
	NoticeCommandFailed     Notice = "command_failed"
	NoticeLicenseExpiring   Notice = "license_expiring"
	NoticeLicenseExpired    Notice = "license_expired"
	NoticeSeatsNearlyUsedUp Notice = "seats_nearly_used_up"
	NoticeSeatsUsedUp       Notice = "seats_used_up"
	NoticeInvitationExpired Notice = "invitation_expired"
)

// Notices lists the kinds of notifications.
func Notices() []Notice {
	return []Notice{
		NoticeVirusFound, NoticeCleaningFailed, NoticeGuardOff, NoticeOutdated, NoticeNotSeen, NoticeInstalled, NoticeRemoved, NoticeCommandFailed,
		NoticeLicenseExpiring, NoticeLicenseExpired, NoticeSeatsNearlyUsedUp, NoticeSeatsUsedUp, NoticeInvitationExpired,
	}
}

// Severity is how much a notification presses.
type Severity string

// The severities there are.
const (
	Critical Severity = "critical" // somebody is unprotected, or soon will be
	Warning  Severity = "warning"
	Info     Severity = "info"
)

// Severity is how much notifications of the kind press.
func (n Notice) Severity() Severity {
	switch n {
	case NoticeVirusFound, NoticeCleaningFailed, NoticeLicenseExpired:
		return Critical
	case NoticeInstalled, NoticeRemoved, NoticeInvitationExpired:
		return Info
	}
	return Warning
}
