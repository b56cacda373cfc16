// Package webhooks tells resellers of notices by HTTP, as standard-webhooks describes: signed, each with an id that stays the same
// however often it is sent. A policy queues what a notice gives rise to; a worker delivers, tries again, and gives up in the end.
package webhooks

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/notice"
	"avportal/domain/webhook"
	"avportal/eventstore"
	"avportal/http/outward"
	"avportal/http/vault"
)

//go:embed schema.sql
var schema string

// Config is what a Sender needs.
type Config struct {
	DB       *pgxpool.Pool // allowed to write
	Key      *vault.Key
	Commands *commands.Handler
	Calls    outward.Policy
	Now      func() time.Time
	Log      *slog.Logger
}

// Sender delivers notices. It is safe for concurrent use.
type Sender struct {
	Config
	client *http.Client
	wake   chan struct{}
}

// New makes the tables if they are not there yet.
func New(ctx context.Context, c Config) (*Sender, error) {
	if _, err := c.DB.Exec(ctx, schema); err != nil {
		return nil, fmt.Errorf("webhooks: %w", err)
	}
	return &Sender{Config: c, client: c.Calls.Client(), wake: make(chan struct{}, 1)}, nil
}

// ErrAddress says that an address can't be a webhook's.
var ErrAddress = domain.ErrInvalid.At("/url").With("This address can't be called: it must be https on port 443, without user name and fragment, and public.")

// Check refuses an address that would not be called anyway.
func (s *Sender) Check(address string) error {
	if s.Calls.Check(address) != nil {
		return ErrAddress
	}
	return nil
}

// SecretFor names the secret that an intent brings with it.
func SecretFor(intent uuid.UUID) webhook.SecretID {
	return webhook.SecretID(uuid.NewSHA1(intent, []byte("webhook secret")).String())
}

// NewSecret makes a secret under an id. If the id has one, it stays, so that a repetition of the same intent shows the same.
func (s *Sender) NewSecret(ctx context.Context, t domain.Tenant, w webhook.ID, id webhook.SecretID) (string, error) {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails
	sealed := s.Key.Seal(about(t, id), random[:])
	_, err := s.DB.Exec(ctx, `INSERT INTO vault.webhook_secret (tenant, id, webhook, sealed) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, t, id, w, sealed)
	if err != nil {
		return "", fmt.Errorf("webhooks: %w", err)
	}
	return s.secret(ctx, t, id)
}

// secret gives a secret as people and libraries know it.
func (s *Sender) secret(ctx context.Context, t domain.Tenant, id webhook.SecretID) (string, error) {
	var sealed []byte
	err := s.DB.QueryRow(ctx, `SELECT sealed FROM vault.webhook_secret WHERE tenant = $1 AND id = $2`, t, id).Scan(&sealed)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", errNoSecret
	}
	if err != nil {
		return "", fmt.Errorf("webhooks: %w", err)
	}
	raw, err := s.Key.Open(about(t, id), sealed)
	if err != nil {
		return "", fmt.Errorf("webhooks: %w", err)
	}
	return "whsec_" + base64.StdEncoding.EncodeToString(raw), nil
}

var errNoSecret = errors.New("the vault does not have the webhook's secret")

// about ties what is sealed to its place: in another row it does not open.
func about(t domain.Tenant, id webhook.SecretID) string {
	return fmt.Sprintf("webhook secret %s of %s", id, t)
}

// forget drops the secrets and the queue of a webhook that is gone.
func (s *Sender) forget(ctx context.Context, t domain.Tenant, w webhook.ID) error {
	return pgx.BeginFunc(ctx, s.DB, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM live.webhook_delivery WHERE tenant = $1 AND webhook = $2`, t, w)
		if err == nil {
			_, err = tx.Exec(ctx, `DELETE FROM vault.webhook_secret WHERE tenant = $1 AND webhook = $2`, t, w)
		}
		return err
	})
}

// Follow is a policy: it queues a notice for the webhooks that want it. A notice that comes again, or that is no news any more since the
// policy was sent back, queues nothing.
func (s *Sender) Follow(ctx context.Context, r eventstore.Recorded) error {
	switch e := r.Event.(type) {
	case webhook.Removed:
		return s.forget(ctx, r.Stream.Tenant, e.Webhook)
	case notice.Raised:
		now := s.Now()
		if !notice.IsNews(e.At, now) {
			return nil
		}
		hooks, err := s.all(ctx, e.Tenant)
		if err != nil {
			return err
		}
		for _, w := range hooks {
			if w.Wants(e.Kind, e.At) {
				if _, err := s.DB.Exec(ctx, `INSERT INTO live.webhook_delivery (tenant, webhook, notice, kind, queued_at, due_at)
					VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT DO NOTHING`, e.Tenant, w.ID, e.Notice, e.Kind, now); err != nil {
					return err
				}
				s.hurry()
			}
		}
	}
	return nil
}

// all are a reseller's webhooks as they stand.
func (s *Sender) all(ctx context.Context, t domain.Tenant) (hooks []webhook.Webhook, err error) {
	err = commands.Inspect(ctx, s.Commands, webhook.Stream(t), func(st webhook.State, _ eventstore.Revision) { hooks = st.All() })
	return hooks, err
}

// hurry wakes the worker.
func (s *Sender) hurry() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
