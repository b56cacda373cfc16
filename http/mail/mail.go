// Package mail sends what the portal has to say by e-mail. A policy puts messages into a queue in Postgres, under ids that follow
// from the event and the recipient; a worker writes and sends them, and notes in the log what became of each. So a message is
// sent once, however often the event comes, and whatever Postgres or the log was restored to.
//
// SMTP leaves one gap that nobody can close: when the portal is killed after a server has taken a message and before that is
// noted, the message is sent again. It then has the same Message-ID and the same text.
package mail

import (
	"context"
	_ "embed"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/commands"
	"avportal/domain"
	mails "avportal/domain/mail"
	"avportal/eventstore"
	"avportal/http/signin/credentials"
)

//go:embed schema.sql
var schema string

// ActorName is who concludes messages in the log.
const ActorName = "mail"

// Config is what a Mailer works with.
type Config struct {
	Server    *Server // nil: no mails are sent
	PublicURL string  // what links begin with; nothing of a request ever gets into one
	DB        *pgxpool.Pool
	Commands  *commands.Handler
	// Credentials make the links by which forgotten passwords are replaced.
	Credentials *credentials.Vault
	// Count is told how each message has ended. It must not block.
	Count func(kind, outcome string)
	Now   func() time.Time
	Log   *slog.Logger
}

// Mailer queues and sends mails. It is safe for concurrent use.
type Mailer struct {
	Config
	host string // in Message-IDs
	wake chan struct{}
}

// New makes the tables if they are not there yet.
func New(ctx context.Context, c Config) (*Mailer, error) {
	if _, err := c.DB.Exec(ctx, schema); err != nil {
		return nil, fmt.Errorf("schema live: %w", err)
	}
	u, err := url.Parse(c.PublicURL)
	if err != nil {
		return nil, err
	}
	return &Mailer{Config: c, host: u.Hostname(), wake: make(chan struct{}, 1)}, nil
}

// Sends reports whether mails are sent at all.
func (m *Mailer) Sends() bool { return m.Server != nil }

// entry is a message to be queued.
type entry struct {
	tenant    domain.Tenant
	kind      mails.Kind
	recipient string
	about     eventstore.Recorded
	due       time.Time
	worthless time.Time
}

// space is where the ids of messages come from.
var space = uuid.MustParse("c3a0d5be-6c1c-4a39-9f3c-0d2f1f0a6b7e")

// id names the message about one event to one recipient.
func (e entry) id() uuid.UUID {
	return uuid.NewSHA1(space, []byte(string(e.tenant)+" "+string(e.kind)+" "+e.recipient+" "+e.about.ID.String()))
}

// digestID names the digest to one recipient that ends at a moment.
func digestID(e entry, end time.Time) uuid.UUID {
	return uuid.NewSHA1(space, []byte(string(e.tenant)+" "+string(e.kind)+" "+e.recipient+" "+end.UTC().Format(time.RFC3339)))
}
