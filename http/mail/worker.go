package mail

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"avportal/commands"
	"avportal/domain"
	mails "avportal/domain/mail"
	"avportal/domain/notice"
	"avportal/domain/user"
	"avportal/eventstore"
)

const (
	lookEvery  = 2 * time.Second // for what other portals have queued, and what is to be tried again
	firstPause = time.Minute     // after a failed attempt; twice as long after each further one
	longest    = time.Hour
)

// errVoid says that there is nothing to say any more: an invitation was accepted, a person was erased.
var errVoid = errors.New("mail: there is nothing to say any more")

// Run sends what is due, until the context ends. A mail that is being sent is finished.
func (m *Mailer) Run(ctx context.Context) {
	if !m.Sends() {
		return
	}
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		worked, err := m.SendNext(ctx)
		if err != nil && ctx.Err() == nil {
			m.Log.WarnContext(ctx, "mails can't be sent just now", "err", err)
		}
		if worked && err == nil && ctx.Err() == nil {
			continue
		}
		select {
		case <-m.wake:
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// SendNext works on the message that is due longest, if any is.
func (m *Mailer) SendNext(ctx context.Context) (worked bool, err error) {
	whole := context.WithoutCancel(ctx) // what is begun is brought to an end
	var q queued
	var state string
	err = pgx.BeginFunc(whole, m.DB, func(tx pgx.Tx) (err error) {
		if q, worked, err = claim(whole, tx, m.Now()); err != nil || !worked {
			return err
		}
		var reason string
		var due time.Time
		state, reason, due = m.work(whole, tx, &q)
		return m.put(whole, tx, q, state, reason, due)
	})
	if worked && err == nil && state != waiting && state != taken {
		m.Count(string(q.kind), state)
	}
	return worked, err
}

// work does the next step for a message, and says what is to be noted: a message that the server has taken is noted at once, and
// told to the log in the step after.
func (m *Mailer) work(ctx context.Context, tx pgx.Tx, q *queued) (state, reason string, due time.Time) {
	now := m.Now()
	again := func(err error) (string, string, time.Time) {
		pause := min(longest, firstPause<<min(q.attempts, 10))
		q.attempts++
		m.Log.WarnContext(ctx, "a mail is tried again later", "mail", q.id, "kind", q.kind, "pause", pause, "err", err)
		return q.state, err.Error(), now.Add(pause)
	}
	events, err := m.events(ctx, tx, q.id)
	if err != nil {
		return again(err)
	}
	if len(events) == 0 {
		return unknown, "", now
	}
	if q.state == taken {
		if err := m.conclude(ctx, *q, events, ""); err != nil {
			return again(err)
		}
		return sent, "", now
	}
	if done, givenUp, err := m.concluded(ctx, *q); err != nil {
		return again(err)
	} else if done {
		return map[bool]string{false: sent, true: failed}[givenUp], "", now
	}
	if !now.Before(q.worthless) {
		return m.giveUp(ctx, q, events, "too late", again)
	}
	msg, err := m.compose(ctx, *q, events)
	if errors.Is(err, errVoid) {
		return void, "", now
	}
	if err == nil {
		err = m.Server.send(ctx, msg)
	}
	var rejected *Rejected
	switch {
	case errors.As(err, &rejected):
		return m.giveUp(ctx, q, events, rejected.Code, again)
	case err != nil:
		return again(err)
	}
	return taken, "", now
}

func (m *Mailer) giveUp(ctx context.Context, q *queued, events []eventstore.Recorded, why string, again func(error) (string, string, time.Time)) (string, string, time.Time) {
	if err := m.conclude(ctx, *q, events, why); err != nil {
		return again(err)
	}
	return failed, why, m.Now()
}

// events reads what a message is about. What the log does not hold is left out: it was restored to an earlier moment.
func (m *Mailer) events(ctx context.Context, tx pgx.Tx, id uuid.UUID) (found []eventstore.Recorded, err error) {
	all, err := sources(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		stream, err := domain.ParseStream(s.Stream)
		if err != nil {
			return nil, err
		}
		for r, err := range m.Commands.Store().Read(ctx, stream, eventstore.Revision(s.Revision), eventstore.Forward, 1) {
			if err != nil {
				return nil, err
			}
			if r.ID == s.Event {
				found = append(found, r)
			}
		}
	}
	return found, nil
}

// concluded asks the log whether a message was sent or given up.
func (m *Mailer) concluded(ctx context.Context, q queued) (done, givenUp bool, err error) {
	err = commands.Inspect(ctx, m.Commands, mails.Stream(q.tenant, mails.ID(q.id.String())), func(s mails.State, _ eventstore.Revision) {
		done, givenUp = s.Exists(), s.GivenUp()
	})
	return done, givenUp, err
}

// conclude tells the log what has become of a message, in the activity that it came of.
func (m *Mailer) conclude(ctx context.Context, q queued, events []eventstore.Recorded, failure string) error {
	c := mails.Conclude{Tenant: q.tenant, Mail: mails.ID(q.id.String()), Kind: q.kind, Failure: failure, At: m.Now()}
	if err := m.concerned(ctx, q, events, &c); err != nil {
		return err
	}
	rq := commands.Request{Actor: domain.SystemActor(ActorName, q.tenant), At: c.At, ID: uuid.NewSHA1(q.id, []byte("conclude"))}
	if q.kind != mails.Digest { // which came of many activities, and is one of its own
		rq.Correlation, rq.Causation = events[0].Meta.Correlation, events[0].ID
	}
	_, err := commands.Do[mails.State](ctx, m.Commands, rq, c)
	return err
}

// concerned says whose message it is, as far as the log may know.
func (m *Mailer) concerned(ctx context.Context, q queued, events []eventstore.Recorded, c *mails.Conclude) error {
	switch q.kind {
	case mails.Notice:
		c.Customer = events[0].Event.(notice.Raised).Subject.Customer
		return nil
	case mails.Digest:
		p, _, _ := strings.Cut(q.recipient, "/")
		_, s, err := m.recipients(ctx, q.tenant, domain.ProfileID(p))
		c.Customer = s.Scope().Customer
		return err
	}
	c.User = domain.UserID(q.recipient)
	return commands.Inspect(ctx, m.Commands, user.Stream(q.tenant, c.User), func(s user.State, _ eventstore.Revision) { c.Customer = s.Scope().Customer })
}
