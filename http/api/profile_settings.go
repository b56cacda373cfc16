package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/job"
	"avportal/domain/profile"
	"avportal/http/secrets"
)

func (s *server) SaveProfileSettings(ctx context.Context, r SaveProfileSettingsRequestObject) (SaveProfileSettingsResponseObject, error) {
	c, id := callOf(ctx), domain.ProfileID(r.Id)
	if _, err := s.profile(ctx, id); err != nil { // before a secret is kept for it
		return nil, err
	}
	change, err := s.settingsIn(ctx, c.command, id, *r.Body)
	if err != nil {
		return nil, err
	}
	body, h, err := s.save(ctx, change, value(r.Params.Transmit))
	return SaveProfileSettings200JSONResponse{body, SaveProfileSettings200ResponseHeaders(h)}, err
}

// save makes the next edition and, if wanted, accepts the job that sends it to all devices concerned.
func (s *server) save(ctx context.Context, change profile.ChangeSettings, transmit bool) (ProfileSaved, changedHeaders, error) {
	c := callOf(ctx)
	rq := c.request()
	res, err := commands.Do[profile.State](ctx, s.Commands, rq, change)
	if err != nil {
		return ProfileSaved{}, changedHeaders{}, err
	}
	now, err := s.profile(ctx, change.Profile)
	if err != nil {
		return ProfileSaved{}, changedHeaders{}, err
	}
	all, h := changed(change.Profile, res)
	body := ProfileSaved{Id: all.Id, Revision: all.Revision, Position: all.Position, Changed: all.Changed, Edition: now.Edition()}
	if !transmit {
		return body, h, nil
	}
	send := rq.Derive("transmit")
	accept := job.Accept{Tenant: c.actor.Tenant, Customer: c.actor.Customer, Job: job.ID(send.ID.String()), At: c.at}
	accepted, err := commands.TransmitToAll(ctx, s.Commands, send, accept, change.Profile)
	switch {
	case errors.Is(err, commands.ErrNoDevices): // saved all the same
		return body, h, nil
	case err != nil:
		return body, h, err
	}
	id := string(accept.Job)
	body.Job, body.Position, h.PortalPosition = &id, accepted.Position.String(), position(accepted.Position)
	return body, h, nil
}

// settingsIn reads settings that came in a request, and puts the secrets in them into the vault.
func (s *server) settingsIn(ctx context.Context, intent uuid.UUID, id domain.ProfileID, in ProfileSettings) (profile.ChangeSettings, error) {
	c := callOf(ctx)
	change := profile.ChangeSettings{Tenant: c.actor.Tenant, Profile: id, KeepLock: in.Lock.Password == nil, KeepProxyPassword: true, At: c.at}
	lock := value(in.Lock.Password)
	var proxy string
	in.Lock.Password, in.Lock.Set = nil, nil
	if in.Updates.Proxy != nil {
		p := *in.Updates.Proxy // the request is not ours to change
		change.KeepProxyPassword, proxy = p.Password == nil, value(p.Password)
		p.Password, p.PasswordSet = nil, nil
		in.Updates.Proxy = &p
	}
	recipients := value(in.Notifications.Recipients)
	in.Notifications.Recipients = nil
	if err := recode(in, &change.Settings); err != nil {
		return change, err
	}
	for i, r := range recipients {
		subject := domain.Subject(uuid.NewSHA1(intent, fmt.Append(nil, "recipient ", i)).String()) // unless the settings have the address
		change.Settings.Notifications.Recipients = append(change.Settings.Notifications.Recipients, profile.Recipient{
			Address: domain.Personal{Subject: subject, Text: r.Address}, Kinds: values[domain.Notice](&r.Kinds), Delivery: profile.Delivery(r.Delivery),
		})
	}
	if proxy != "" {
		change.Settings.Updates.Proxy.Password = secrets.IDFor(intent, "proxy")
		if err := s.Secrets.Keep(ctx, c.actor.Tenant, id, change.Settings.Updates.Proxy.Password, proxy); err != nil {
			return change, err
		}
	}
	if lock != "" {
		change.Settings.Lock.Password = secrets.IDFor(intent, "lock")
		if err := s.Secrets.Keep(ctx, c.actor.Tenant, id, change.Settings.Lock.Password, secrets.Hash(lock)); err != nil {
			return change, err
		}
	}
	return change, nil
}

// settingsOf shows settings. Of secrets it only tells that they are there.
func settingsOf(in profile.Settings) (out ProfileSettings, err error) {
	proxy, lock := in.Updates.Proxy.Password != "", in.Lock.Password != ""
	recipients := recipientsOf(in.Notifications)
	in.Updates.Proxy.Password, in.Lock.Password, in.Notifications = "", "", profile.Notifications{}
	if err := recode(in, &out); err != nil {
		return out, err
	}
	if out.Updates.Proxy != nil {
		out.Updates.Proxy.PasswordSet = &proxy
	}
	out.Lock.Set, out.Notifications.Recipients = &lock, recipients
	return out, nil
}

// recipientsOf leaves out who has been erased.
func recipientsOf(n profile.Notifications) *[]Recipient {
	var list []Recipient
	for _, r := range n.Recipients {
		if !r.Address.Erased() {
			list = append(list, Recipient{Address: r.Address.Text, Kinds: values[NoticeKind](&r.Kinds), Delivery: RecipientDelivery(r.Delivery)})
		}
	}
	if list == nil {
		return nil
	}
	return &list
}

// recode goes from the settings of the document to those of the domain, or back: both have the same names on the wire.
func recode(from, to any) error {
	data, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, to)
}
