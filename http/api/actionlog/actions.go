package actionlog

import (
	"maps"
	"slices"

	"avportal/domain"
	"avportal/domain/customer"
	"avportal/domain/device"
	"avportal/domain/group"
	"avportal/domain/job"
	"avportal/domain/license"
	"avportal/domain/mail"
	"avportal/domain/notice"
	"avportal/domain/platform"
	"avportal/domain/profile"
	"avportal/domain/reseller"
	"avportal/domain/session"
	"avportal/domain/sync"
	"avportal/domain/team"
	"avportal/domain/token"
	"avportal/domain/user"
	"avportal/domain/webhook"
)

// actions are what people call events; what that is in their languages stands in http/texts ("action.<action>"). Each declared
// event type has one. Several events may be one action: a move goes through several streams.
var actions = map[string]string{
	reseller.Registered{}.EventType():         "reseller.register",
	reseller.Renamed{}.EventType():            "reseller.rename",
	reseller.ThresholdsChanged{}.EventType():  "reseller.thresholds",
	customer.Imported{}.EventType():           "customer.import",
	customer.Renamed{}.EventType():            "customer.rename",
	license.Imported{}.EventType():            "license.import",
	license.Renewed{}.EventType():             "license.renew",
	license.Renamed{}.EventType():             "license.rename",
	license.SeatsChanged{}.EventType():        "license.seats",
	license.Activated{}.EventType():           "license.activate",
	license.Released{}.EventType():            "license.release",
	group.MainCreated{}.EventType():           "group.create",
	group.Created{}.EventType():               "group.create",
	group.Renamed{}.EventType():               "group.rename",
	group.Moved{}.EventType():                 "group.move",
	group.Deleted{}.EventType():               "group.delete",
	group.DeviceAdded{}.EventType():           "group.device_add",
	group.DeviceMoved{}.EventType():           "group.device_move",
	group.DeviceRemoved{}.EventType():         "group.device_remove",
	device.Enrolled{}.EventType():             "device.enroll",
	device.Moved{}.EventType():                "device.move",
	device.Relabeled{}.EventType():            "device.label",
	device.Removed{}.EventType():              "device.remove",
	device.ThreatFound{}.EventType():          "device.threat_found",
	device.ThreatResolved{}.EventType():       "device.threat_resolved",
	device.GuardsChanged{}.EventType():        "device.guards",
	device.ScanRequested{}.EventType():        "device.scan",
	device.UpdateRequested{}.EventType():      "device.update",
	device.RequestSent{}.EventType():          "device.request_sent",
	device.RequestStarted{}.EventType():       "device.request_started",
	device.RequestCompleted{}.EventType():     "device.request_completed",
	device.RequestAborted{}.EventType():       "device.request_aborted",
	device.Observed{}.EventType():             "device.facts",
	job.Accepted{}.EventType():                "job",
	session.Begun{}.EventType():               "session.begin",
	session.Ended{}.EventType():               "session.end",
	session.Refused{}.EventType():             "session.refuse",
	mail.Sent{}.EventType():                   "mail.send",
	mail.Failed{}.EventType():                 "mail.fail",
	sync.Started{}.EventType():                "sync.start",
	sync.Finished{}.EventType():               "sync.finish",
	job.Progressed{}.EventType():              "job.progress",
	job.Finished{}.EventType():                "job.finish",
	profile.Created{}.EventType():             "profile.create",
	profile.Renamed{}.EventType():             "profile.rename",
	profile.OwnerChanged{}.EventType():        "profile.owner",
	profile.SettingsChanged{}.EventType():     "profile.settings",
	profile.Linked{}.EventType():              "profile.link",
	profile.Unlinked{}.EventType():            "profile.unlink",
	profile.Deleted{}.EventType():             "profile.delete",
	platform.EventQuarantined{}.EventType():   "platform.quarantine",
	user.Invited{}.EventType():                "user.invite",
	user.InvitationRenewed{}.EventType():      "user.invite_again",
	user.Accepted{}.EventType():               "user.accept",
	user.Admitted{}.EventType():               "user.admit",
	user.ProfileChanged{}.EventType():         "user.profile",
	user.EmailChanged{}.EventType():           "user.email",
	user.RoleChanged{}.EventType():            "user.role",
	user.Deactivated{}.EventType():            "user.deactivate",
	user.Reactivated{}.EventType():            "user.reactivate",
	user.Erased{}.EventType():                 "user.erase",
	user.ColumnsChosen{}.EventType():          "user.columns",
	user.FilterSaved{}.EventType():            "user.filter_save",
	user.FilterChanged{}.EventType():          "user.filter_change",
	user.FilterDeleted{}.EventType():          "user.filter_delete",
	user.DefaultFilterChosen{}.EventType():    "user.filter_default",
	user.WebinarSeen{}.EventType():            "user.webinar",
	user.LinkActivated{}.EventType():          "user.link_activate",
	user.NoticeRead{}.EventType():             "user.notice_read",
	user.NoticesRead{}.EventType():            "user.notices_read",
	user.LinkDeactivated{}.EventType():        "user.link_deactivate",
	user.PasswordChanged{}.EventType():        "user.password",
	user.RecoveryRequested{}.EventType():      "user.recovery",
	user.CodesSwitchedOn{}.EventType():        "user.codes_on",
	user.CodesSwitchedOff{}.EventType():       "user.codes_off",
	user.RecoveryCodesRenewed{}.EventType():   "user.recovery_codes",
	user.PasskeyAdded{}.EventType():           "user.passkey_add",
	user.PasskeyRemoved{}.EventType():         "user.passkey_remove",
	team.Joined{}.EventType():                 "team.join",
	team.Left{}.EventType():                   "team.leave",
	token.Created{}.EventType():               "token.create",
	token.Revoked{}.EventType():               "token.revoke",
	reseller.Converted{}.EventType():          "reseller.convert",
	reseller.ConversionDeclined{}.EventType(): "reseller.decline_conversion",
	group.ProfileChosen{}.EventType():         "group.profile",
	device.LogRequested{}.EventType():         "device.log",
	device.LogReceived{}.EventType():          "device.log_received",
	device.LogDownloaded{}.EventType():        "device.log_download",
	customer.LogConsentGiven{}.EventType():    "customer.log_consent",
	customer.LogConsentEnded{}.EventType():    "customer.log_consent_end",
	device.ProfileRequested{}.EventType():     "device.transmit",
	device.ProfileApplied{}.EventType():       "device.profile_applied",
	webhook.Created{}.EventType():             "webhook.create",
	webhook.Changed{}.EventType():             "webhook.change",
	webhook.SecretChanged{}.EventType():       "webhook.secret",
	webhook.Disabled{}.EventType():            "webhook.disable",
	webhook.Enabled{}.EventType():             "webhook.enable",
	webhook.Removed{}.EventType():             "webhook.remove",
	notice.Raised{}.EventType():               "notice.raise",
}

// jobActions are what a job does to each of its items.
var jobActions = []job.Action{
	job.MoveDevices, job.ScanDevices, job.UpdateDevices, job.TransmitProfiles, job.LabelDevices, job.RemoveDevices, job.UndoMove, job.AssignProfile,
}

// Actions lists all actions.
func Actions() []string {
	all := slices.Collect(maps.Values(actions))
	for _, a := range jobActions {
		all = append(all, "job."+string(a))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// ActionOf names an event as an action; it is empty for a type that this build does not declare.
func ActionOf(e domain.Event) string {
	if a, ok := e.(job.Accepted); ok && a.Order.Action != "" {
		return "job." + string(a.Order.Action)
	}
	return actions[e.EventType()]
}
