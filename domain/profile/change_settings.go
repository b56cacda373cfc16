package profile

import (
	"errors"
	"time"

	"avportal/domain"
)

// ChangeSettings sets all settings at once. Devices learn of them when they are transmitted.
type ChangeSettings struct {
	Tenant   domain.Tenant
	Profile  domain.ProfileID
	Settings Settings
	// KeepProxyPassword and KeepLock leave the secret as it is, whatever Settings say: whoever edits settings can't see it.
	KeepProxyPassword, KeepLock bool
	// Restores is the edition whose settings these are; 0 if they are new.
	Restores int
	At       time.Time
}

// SettingsChanged tells the sections that differ, as they were and as they are.
type SettingsChanged struct {
	Profile  domain.ProfileID `json:"profile"`
	Edition  int              `json:"edition"`
	Sections []Section        `json:"sections"`
	From     Settings         `json:"from"` // only the sections that differ
	To       Settings         `json:"to"`
	Restores int              `json:"restores,omitempty"` // the edition that was brought back
}

// EventType is the stored type name.
func (SettingsChanged) EventType() string { return "profile.settings_changed" }

// Stream is the profile's.
func (c ChangeSettings) Stream() domain.Stream { return Stream(c.Tenant, c.Profile) }

// Needs is the right to manage profiles.
func (c ChangeSettings) Needs() domain.Permission { return domain.ManageProfiles }

// Decide makes the next edition, if anything differs.
func (c ChangeSettings) Decide(s State) ([]domain.Event, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	if c.KeepProxyPassword && c.Settings.Updates.Proxy.User != "" {
		c.Settings.Updates.Proxy.Password = s.settings.Updates.Proxy.Password
	}
	if c.KeepLock {
		c.Settings.Lock = s.settings.Lock
	}
	c.Settings.Notifications = c.Settings.Notifications.known(s.settings.Notifications)
	settings, err := c.Settings.clean()
	if err != nil {
		return nil, err
	}
	names, from, to := difference(s.settings, settings)
	if len(names) == 0 {
		return nil, nil
	}
	return []domain.Event{SettingsChanged{
		Profile: c.Profile, Edition: s.edition + 1, Sections: names, From: from, To: to, Restores: c.Restores,
	}}, nil
}

// within names a field of the settings by its place in what holds them.
func within(field string, err error) error {
	var refusal *domain.Error
	if errors.As(err, &refusal) {
		return refusal.At(field + refusal.Field)
	}
	return err
}
