package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/profile"
	"avportal/http/agent/wire"
	"avportal/http/secrets"
)

// configuration is what a device that is to take on a profile gets: the edition that it was asked for, with the secrets in
// it. Who is told of what is none of its business.
func (s *server) configuration(ctx context.Context, t domain.Tenant, c device.Configuration) (*wire.Configuration, error) {
	settings, err := commands.ProfileEdition(ctx, s.Commands, t, c.Profile, c.Edition)
	if err != nil {
		return nil, fmt.Errorf("profile %s, edition %d: %w", c.Profile, c.Edition, err)
	}
	secret := func(id profile.SecretID) (value string) {
		if id == "" || err != nil {
			return ""
		}
		value, err = s.Secrets.Reveal(ctx, t, id)
		if errors.Is(err, secrets.ErrUnknown) { // the profile has been deleted since
			err = nil
		}
		return value
	}
	proxy, lock := secret(settings.Updates.Proxy.Password), secret(settings.Lock.Password)
	if err != nil {
		return nil, fmt.Errorf("profile %s: %w", c.Profile, err)
	}
	settings.Updates.Proxy.Password, settings.Lock.Password, settings.Notifications = "", "", profile.Notifications{}
	data, err := json.Marshal(settings) // both have the same names on the wire
	if err != nil {
		return nil, err
	}
	out := &wire.Configuration{}
	if err := json.Unmarshal(data, out); err != nil {
		return nil, err
	}
	out.Profile, out.Edition = string(c.Profile), c.Edition
	out.Updates.Proxy.Password, out.Lock.PasswordHash = proxy, lock
	return out, nil
}
