// Package catalog joins the event types of all aggregates.
package catalog

import (
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

// Registry knows every event type of this build.
func Registry() *domain.Registry {
	return domain.NewRegistry(reseller.Events, customer.Events, license.Events, group.Events, device.Events, profile.Events, job.Events, platform.Events,
		user.Events, team.Events, token.Events, session.Events, sync.Events, notice.Events, mail.Events, webhook.Events)
}
