package webhooks

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/notice"
	"avportal/domain/webhook"
)

// Of the worker.
const (
	poll     = 5 * time.Second     // when nobody wakes it
	lease    = time.Minute         // longer than an attempt takes
	together = 8                   // attempts at once, each for another webhook
	kept     = 30 * 24 * time.Hour // results; longer than a notice is news, so that none is queued twice
)

// pauses are how long is waited after each attempt that failed: three days in all, then it is given up.
var pauses = []time.Duration{
	5 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 24 * time.Hour,
}

// Run delivers until the context ends.
func (s *Sender) Run(ctx context.Context) {
	tidy := time.NewTicker(time.Hour)
	defer tidy.Stop()
	for ctx.Err() == nil {
		n, err := s.Deliver(ctx)
		if err != nil && ctx.Err() == nil {
			s.Log.Warn("webhooks can't be delivered just now", "err", err)
		}
		if n > 0 && err == nil {
			continue
		}
		select {
		case <-s.wake:
		case <-time.After(poll):
		case <-tidy.C:
			if _, err := s.DB.Exec(ctx, `DELETE FROM live.webhook_delivery WHERE state <> 'waiting' AND queued_at < $1`, s.Now().Add(-kept)); err != nil && ctx.Err() == nil {
				s.Log.Warn("old results of webhooks can't be forgotten", "err", err)
			}
		case <-ctx.Done():
		}
	}
}

// delivery is one that is due.
type delivery struct {
	Tenant   domain.Tenant
	Webhook  webhook.ID
	Notice   notice.ID
	QueuedAt time.Time
	Attempts int
}

// Deliver makes one attempt at what is due, of each webhook one, the oldest, and says how many it made. What a portal has leased that is gone
// meanwhile is due again when the lease is over; the other side may then get it a second time, under the same id.
func (s *Sender) Deliver(ctx context.Context) (int, error) {
	now := s.Now()
	rows, err := s.DB.Query(ctx, `UPDATE live.webhook_delivery d SET lease = $2 FROM (
			SELECT tenant, webhook, notice FROM live.webhook_delivery
			WHERE (tenant, webhook, notice) IN (
				SELECT DISTINCT ON (w.tenant, w.webhook) w.tenant, w.webhook, w.notice FROM live.webhook_delivery w
				WHERE w.state = 'waiting' AND w.due_at <= $1 AND NOT EXISTS (
					SELECT FROM live.webhook_delivery b WHERE b.tenant = w.tenant AND b.webhook = w.webhook AND b.state = 'waiting' AND b.lease > $1)
				ORDER BY w.tenant, w.webhook, w.due_at LIMIT $3)
			AND state = 'waiting' AND lease <= $1 FOR UPDATE SKIP LOCKED) x
		WHERE d.tenant = x.tenant AND d.webhook = x.webhook AND d.notice = x.notice
		RETURNING d.tenant, d.webhook, d.notice, d.queued_at, d.attempts`, now, now.Add(lease), together)
	if err != nil {
		return 0, err
	}
	due, err := pgx.CollectRows(rows, pgx.RowToStructByPos[delivery])
	if err != nil {
		return 0, err
	}
	var wait sync.WaitGroup
	errs := make([]error, len(due))
	for i, d := range due {
		wait.Go(func() { errs[i] = s.attempt(ctx, d) })
	}
	wait.Wait()
	return len(due), errors.Join(errs...)
}

func (s *Sender) attempt(ctx context.Context, d delivery) error {
	w, err := s.get(ctx, d.Tenant, d.Webhook)
	if errors.Is(err, domain.ErrNotFound) || err == nil && w.Disabled != "" {
		return s.note(ctx, d, "dropped", Result{At: s.Now(), Reason: "disabled"}, time.Time{})
	}
	if err != nil {
		return err
	}
	m, err := s.messageOf(ctx, d.Tenant, d.Notice)
	if err != nil {
		return err
	}
	r, err := s.send(ctx, d.Tenant, w, string(d.Notice), m)
	if errors.Is(err, errNoSecret) { // an older copy of the vault was restored: somebody must make a new one
		r.Reason, err = "secret", nil
	}
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil: // the portal stops: that is not the other side's fault
		return ctx.Err()
	case r.OK:
		return s.note(ctx, d, "delivered", r, time.Time{})
	case r.Status == http.StatusGone:
		return errors.Join(s.disable(ctx, d, webhook.Gone), s.note(ctx, d, "failed", r, time.Time{}))
	case d.Attempts < len(pauses):
		return s.note(ctx, d, "waiting", r, r.At.Add(pauses[d.Attempts]))
	}
	through, err := s.through(ctx, d)
	if err == nil && !through {
		err = s.disable(ctx, d, webhook.Failing)
	}
	return errors.Join(err, s.note(ctx, d, "failed", r, time.Time{}))
}

// note writes down how an attempt went, and when the next one is due.
func (s *Sender) note(ctx context.Context, d delivery, state string, r Result, due time.Time) error {
	if due.IsZero() {
		due = r.At
	}
	_, err := s.DB.Exec(context.WithoutCancel(ctx), `UPDATE live.webhook_delivery SET state = $4, attempts = attempts + 1, attempted_at = $5, status = $6,
		reason = $7, due_at = $8, lease = 'epoch' WHERE tenant = $1 AND webhook = $2 AND notice = $3`,
		d.Tenant, d.Webhook, d.Notice, state, r.At, r.Status, r.Reason, due)
	return err
}

// through reports whether anything has got through since a delivery was queued.
func (s *Sender) through(ctx context.Context, d delivery) (yes bool, err error) {
	err = s.DB.QueryRow(ctx, `SELECT EXISTS (SELECT FROM live.webhook_delivery WHERE tenant = $1 AND webhook = $2 AND state = 'delivered' AND attempted_at >= $3)`,
		d.Tenant, d.Webhook, d.QueuedAt).Scan(&yes)
	return yes, err
}

// disable switches a webhook off that nothing gets through to. It stands in the action log.
func (s *Sender) disable(ctx context.Context, d delivery, why webhook.Reason) error {
	now := s.Now()
	rq := commands.Request{Actor: domain.SystemActor("webhooks", d.Tenant), At: now, ID: uuid.New()}
	_, err := commands.Do[webhook.State](ctx, s.Commands, rq, webhook.Disable{Tenant: d.Tenant, Webhook: d.Webhook, Reason: why, At: now})
	if errors.Is(err, domain.ErrNotFound) {
		err = nil
	}
	return err
}

// Delivery is one notice on its way to a webhook, as the portal shows it.
type Delivery struct {
	Notice      notice.ID
	Kind        domain.Notice
	State       string
	QueuedAt    time.Time
	Attempts    int
	AttemptedAt *time.Time
	NextAt      time.Time // of one that waits
	Status      int
	Reason      string
}

// Deliveries lists the newest ones of a webhook.
func (s *Sender) Deliveries(ctx context.Context, t domain.Tenant, w webhook.ID, limit int) ([]Delivery, error) {
	rows, err := s.DB.Query(ctx, `SELECT notice, kind, state, queued_at, attempts, attempted_at, due_at, status, reason FROM live.webhook_delivery
		WHERE tenant = $1 AND webhook = $2 ORDER BY queued_at DESC, notice DESC LIMIT $3`, t, w, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Delivery])
}
