package mail

import (
	"context"
	"errors"
	"time"

	"avportal/commands"
	"avportal/domain"
	mails "avportal/domain/mail"
	"avportal/domain/notice"
	"avportal/domain/user"
	"avportal/eventstore"
	"avportal/http/texts"
)

// InvitationPath is where an invitation is accepted. The secret follows after a "#", so that no server on the way gets to see it.
const InvitationPath = "/auth/invitation"

// InvitationLink makes the link by which an invitation is accepted, for a mail, or for who invites to pass on by himself. It is the
// same until the invitation is renewed.
func (m *Mailer) InvitationLink(ctx context.Context, t domain.Tenant, u domain.UserID) (string, error) {
	_, secret, err := commands.IssueInvitation(ctx, m.Commands, m.Now(), t, u)
	return m.PublicURL + InvitationPath + "#" + secret, err
}

// Follow is the policy that queues what is to be said about an event. While no mails are sent nothing is queued: who configures
// a mail server later does not flood people with old news.
func (m *Mailer) Follow(ctx context.Context, r eventstore.Recorded) error {
	if !m.Sends() {
		return nil
	}
	e := entry{tenant: r.Stream.Tenant, recipient: r.Stream.ID, about: r, due: r.At}
	switch v := r.Event.(type) {
	case user.Invited:
		e.kind, e.worthless = mails.Invitation, v.ExpiresAt
	case user.InvitationRenewed:
		e.kind, e.worthless = mails.Invitation, v.ExpiresAt
	case user.RecoveryRequested:
		e.kind, e.worthless = mails.Recovery, v.ExpiresAt
	case user.PasswordChanged, user.CodesSwitchedOn, user.CodesSwitchedOff, user.RecoveryCodesRenewed, user.PasskeyAdded, user.PasskeyRemoved:
		e.kind, e.worthless = mails.SignInChanged, r.At.Add(tellFor)
	case notice.Raised:
		return m.tell(ctx, r, v)
	default:
		return nil
	}
	if !m.Now().Before(e.worthless) { // an old log is read from its beginning
		return nil
	}
	return m.enqueue(ctx, e)
}

func (m *Mailer) invitation(ctx context.Context, q queued, r eventstore.Recorded) (letter, domain.Personal, error) {
	var holds time.Time
	switch v := r.Event.(type) {
	case user.Invited:
		holds = v.ExpiresAt
	case user.InvitationRenewed:
		holds = v.ExpiresAt
	}
	i, secret, err := commands.IssueInvitation(ctx, m.Commands, m.Now(), q.tenant, domain.UserID(q.recipient))
	if errors.Is(err, user.ErrInvitation) || err == nil && !i.ExpiresAt.Equal(holds) { // renewed meanwhile: that has a mail of its own
		err = errVoid
	}
	if err != nil {
		return letter{}, domain.Personal{}, err
	}
	name, _, err := m.resellerOf(ctx, q.tenant)
	if err != nil {
		return letter{}, domain.Personal{}, err
	}
	w := writer{texts.Language(i.Profile.Language)}
	l := w.To(i.Profile, w.Say("Your invitation to the AV Portal of %s", name))
	l.Lines = []string{
		w.Say("%s invites you to the AV Portal, where the protection of your computers against malware is looked after.", name),
	}
	l.Facts = []fact{
		{w.Say("You will be"), w.Name("role", string(i.Role))},
		{w.Say("The invitation holds until"), w.Time(i.ExpiresAt)},
	}
	l.Action, l.URL = w.Say("Accept the invitation"), m.PublicURL+InvitationPath+"#"+secret
	l.Closing = []string{w.Say("The link is good once, and for you alone. If you did not expect this mail, you need not do anything.")}
	return l, i.Email, nil
}

// Time says a moment as people of a language write it, by the clock of the portal.
func (w writer) Time(t time.Time) string {
	if w.Language == texts.German {
		return t.Local().Format("02.01.2006, 15:04 MST")
	}
	return t.Local().Format("2 January 2006, 15:04 MST")
}
