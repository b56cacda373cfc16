package mail

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"avportal/domain"
	mails "avportal/domain/mail"
)

// States of a message in the queue.
const (
	waiting = "waiting"
	taken   = "taken"   // by the mail server; the log is yet to know
	sent    = "sent"    //
	failed  = "failed"  // given up
	void    = "void"    // there was nothing to say any more
	unknown = "unknown" // what it is about is not in the log, which was restored to an earlier moment
)

// instantPerHour bounds the mails that one recipient gets about single notices.
const instantPerHour = 20

// kept is how long messages stay in the queue after they are done.
const kept = 90 * 24 * time.Hour

// enqueue puts a message into the queue, once.
func (m *Mailer) enqueue(ctx context.Context, e entry) error {
	err := pgx.BeginFunc(ctx, m.DB, func(tx pgx.Tx) error {
		if err := m.insert(ctx, tx, e.id(), e); err != nil {
			return err
		}
		return about(ctx, tx, e.id(), e)
	})
	m.nudge(err)
	return err
}

// enqueueNotice puts a notice into the queue as a mail of its own; in an outbreak, the recipient gets so many in an hour, and of
// what comes beyond a digest at its end.
func (m *Mailer) enqueueNotice(ctx context.Context, e entry) error {
	hour := e.about.At.Truncate(time.Hour)
	var before int
	var known bool
	err := m.DB.QueryRow(ctx, `SELECT count(*) FILTER (WHERE about_at >= $3 AND about_at < $4), COALESCE(bool_or(id = $5), false)
		FROM live.mail WHERE tenant = $1 AND recipient = $2 AND kind = 'notice'`, e.tenant, e.recipient, hour, hour.Add(time.Hour), e.id()).Scan(&before, &known)
	if err != nil {
		return err
	}
	if known || before < instantPerHour {
		return m.enqueue(ctx, e)
	}
	return m.enqueueDigest(ctx, e, hour.Add(time.Hour), func(end time.Time) time.Time { return end.Add(time.Hour) })
}

// enqueueDigest puts an event into the recipient's digest that ends at a moment. Where that has gone out already, the next one takes it.
func (m *Mailer) enqueueDigest(ctx context.Context, e entry, end time.Time, next func(time.Time) time.Time) error {
	e.kind = mails.Digest
	for placed := false; !placed; end = next(end) {
		id := digestID(e, end)
		e.due, e.worthless = end.Add(digestWait), end.Add(tellFor)
		err := pgx.BeginFunc(ctx, m.DB, func(tx pgx.Tx) error {
			if err := m.insert(ctx, tx, id, e); err != nil {
				return err
			}
			var open bool
			err := tx.QueryRow(ctx, `SELECT state = 'waiting', EXISTS (SELECT FROM live.mail_event e WHERE e.mail = m.id AND e.event = $2)
				FROM live.mail m WHERE id = $1 FOR UPDATE`, id, e.about.ID).Scan(&open, &placed)
			if err != nil || placed || !open {
				return err
			}
			placed = true
			return about(ctx, tx, id, e)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *Mailer) insert(ctx context.Context, tx pgx.Tx, id uuid.UUID, e entry) error {
	_, err := tx.Exec(ctx, `INSERT INTO live.mail (id, tenant, kind, recipient, due_at, worthless, changed_at, about_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`, id, e.tenant, e.kind, e.recipient, e.due, e.worthless, m.Now(), e.about.At)
	return err
}

// about notes an event that a message tells of.
func about(ctx context.Context, tx pgx.Tx, id uuid.UUID, e entry) error {
	_, err := tx.Exec(ctx, `INSERT INTO live.mail_event (mail, event, stream, revision) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
		id, e.about.ID, e.about.Stream.String(), int64(e.about.Revision))
	return err
}

// nudge wakes the worker.
func (m *Mailer) nudge(err error) {
	if err != nil {
		return
	}
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// queued is a message of the queue.
type queued struct {
	id        uuid.UUID
	tenant    domain.Tenant
	kind      mails.Kind
	recipient string
	worthless time.Time
	state     string
	attempts  int
}

// claim locks the message that is due longest for as long as the transaction lasts, so that no other portal takes it; one that dies
// lets it go.
func claim(ctx context.Context, tx pgx.Tx, now time.Time) (q queued, found bool, err error) {
	err = tx.QueryRow(ctx, `SELECT id, tenant, kind, recipient, worthless, state, attempts FROM live.mail
		WHERE state IN ('waiting', 'taken') AND due_at <= $1 ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED`, now).
		Scan(&q.id, &q.tenant, &q.kind, &q.recipient, &q.worthless, &q.state, &q.attempts)
	if errors.Is(err, pgx.ErrNoRows) {
		return q, false, nil
	}
	return q, err == nil, err
}

// source is where an event stands that a message is about.
type source struct {
	Event    uuid.UUID
	Stream   string
	Revision int64
}

func sources(ctx context.Context, tx pgx.Tx, mail uuid.UUID) ([]source, error) {
	rows, err := tx.Query(ctx, `SELECT event, stream, revision FROM live.mail_event WHERE mail = $1`, mail)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[source])
}

// put notes what has become of a message.
func (m *Mailer) put(ctx context.Context, tx pgx.Tx, q queued, state, reason string, due time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE live.mail SET state = $2, reason = $3, attempts = $4, due_at = $5, changed_at = $6 WHERE id = $1`,
		q.id, state, reason, q.attempts, due, m.Now())
	return err
}

// Clear forgets messages that were done long ago; the log knows of them still.
func (m *Mailer) Clear(ctx context.Context) error {
	_, err := m.DB.Exec(ctx, `DELETE FROM live.mail WHERE state NOT IN ('waiting', 'taken') AND changed_at < $1`, m.Now().Add(-kept))
	return err
}

// Status is how the queue stands.
type Status struct {
	Waiting int    // to be sent, and due
	Reason  string // why the one that waits longest was not sent yet; empty if it was not tried
	Flagged int    // about events that the log does not hold
}

// Status counts.
func (m *Mailer) Status(ctx context.Context) (s Status, err error) {
	err = m.DB.QueryRow(ctx, `SELECT count(*) FILTER (WHERE state IN ('waiting', 'taken') AND (due_at <= $1 OR attempts > 0)), count(*) FILTER (WHERE state = 'unknown'),
		COALESCE((SELECT reason FROM live.mail WHERE state = 'waiting' AND attempts > 0 ORDER BY changed_at DESC LIMIT 1), '') FROM live.mail
		WHERE state IN ('waiting', 'taken', 'unknown')`, m.Now()).Scan(&s.Waiting, &s.Flagged, &s.Reason)
	return s, err
}
