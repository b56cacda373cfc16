package mail

import (
	"context"
	"slices"
	"strings"
	"time"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/group"
	mails "avportal/domain/mail"
	"avportal/domain/notice"
	"avportal/domain/profile"
	"avportal/eventstore"
)

const (
	digestHour = 7               // of the portal's clock: what happened until then goes into the mail of the day
	digestWait = 5 * time.Minute // for events that are still on their way to the queue
)

// tell queues a notice for those whom profiles name as recipients of its kind: the profile that the device's group uses, or, of what
// concerns a license as a whole, those that any of its groups uses.
func (m *Mailer) tell(ctx context.Context, r eventstore.Recorded, n notice.Raised) error {
	if n.Subject.License == "" || !m.Now().Before(r.At.Add(tellFor)) {
		return nil
	}
	var used []domain.ProfileID
	err := commands.Inspect(ctx, m.Commands, group.Stream(n.Tenant, n.Subject.License), func(s group.State, _ eventstore.Revision) {
		if n.Subject.Group == "" {
			used = s.ProfilesInUse()
		} else if p, _ := s.Profile(n.Subject.Group); p != "" {
			used = []domain.ProfileID{p}
		}
	})
	if err != nil {
		return err
	}
	for _, p := range used {
		recipients, _, err := m.recipients(ctx, n.Tenant, p)
		if err != nil {
			return err
		}
		for _, to := range recipients {
			if !slices.Contains(to.Kinds, n.Kind) || to.Address.Erased() {
				continue
			}
			e := entry{tenant: n.Tenant, kind: mails.Notice, recipient: recipientName(p, to.Address.Subject), about: r, due: r.At, worthless: r.At.Add(tellFor)}
			if to.Delivery == profile.Digest {
				err = m.enqueueDigest(ctx, e, digestOf(e.about.At), func(end time.Time) time.Time { return end.AddDate(0, 0, 1) })
			} else {
				err = m.enqueueNotice(ctx, e)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// recipients are those that a profile names by now, and whose profile it is; none if it was deleted.
func (m *Mailer) recipients(ctx context.Context, t domain.Tenant, p domain.ProfileID) (to []profile.Recipient, s profile.State, err error) {
	err = commands.Inspect(ctx, m.Commands, profile.Stream(t, p), func(now profile.State, _ eventstore.Revision) { s = now })
	if err == nil && s.Exists() {
		to = s.Settings().Notifications.Recipients
	}
	return to, s, err
}

// recipientName is what the queue calls a recipient: he is known within his profile only.
func recipientName(p domain.ProfileID, s domain.Subject) string { return string(p) + "/" + string(s) }

// addressOf looks up where a message to a recipient of a profile goes to. The error is errVoid if he is none any more.
func (m *Mailer) addressOf(ctx context.Context, q queued) (domain.Personal, profile.State, error) {
	p, subject, _ := strings.Cut(q.recipient, "/")
	all, s, err := m.recipients(ctx, q.tenant, domain.ProfileID(p))
	if err != nil {
		return domain.Personal{}, s, err
	}
	i := slices.IndexFunc(all, func(r profile.Recipient) bool { return string(r.Address.Subject) == subject })
	if i < 0 {
		return domain.Personal{}, s, errVoid
	}
	return all[i].Address, s, nil
}

// digestOf is when the digest ends that a moment belongs to.
func digestOf(at time.Time) time.Time {
	at = at.Local()
	end := time.Date(at.Year(), at.Month(), at.Day(), digestHour, 0, 0, 0, at.Location())
	if !at.Before(end) {
		end = end.AddDate(0, 0, 1)
	}
	return end
}
