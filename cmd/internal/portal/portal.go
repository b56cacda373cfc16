package portal

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/catalog"
	"avportal/eventstore"
	"avportal/eventstore/esdb"
	"avportal/eventstore/node"
	"avportal/eventstore/people"
	"avportal/http/api/tokens"
	"avportal/http/mail"
	"avportal/http/rsp"
	"avportal/http/secrets"
	"avportal/http/signin"
	"avportal/http/signin/credentials"
	"avportal/http/vault"
	"avportal/http/webhooks"
	"avportal/projections"
	"avportal/projections/live"
	"avportal/projections/postgres"
	"avportal/projections/sqlview"
)

// Portal is a running portal. Make one with Start.
type Portal struct {
	cfg       Config
	listener  net.Listener
	publicURL string
	node      *node.Node // nil with an event store of its own
	postgres  *postgres.Server
	store     *esdb.Store
	tail      *eventstore.Tail // of the log, which views, policies and event streams share
	writers   *pgxpool.Pool    // of what is not a view: credentials, tokens, last contacts
	readers   *pgxpool.Pool    // of views, read-only
	pastRead  *pgxpool.Pool    // of views as they were
	workers   *pgxpool.Pool    // of the projectors
	commands  *commands.Handler
	engine    *projections.Engine
	analysts  *sqlview.Manager // of views that were added
	past      *projections.Past
	operator  *projections.Operator
	seen      *live.Seen
	vault     *people.Vault // keys of people
	tokens    *tokens.Vault
	key       *vault.Key     // seals what Postgres keeps of secrets
	secrets   *secrets.Vault // of configuration profiles
	logs      *live.Logs     // that devices have sent
	signin    *signin.Service
	passwords *credentials.Vault
	reseller  *rsp.Portal
	webhooks  *webhooks.Sender
	mailer    *mail.Mailer // sends mails, if there is a server that takes them
	metrics   *metrics
	server    *http.Server

	stop    context.CancelFunc // ends the background work
	work    sync.WaitGroup
	closing chan struct{} // closed first: long polls and event streams end
	failed  chan error
}

// drain is how long requests under way may take when the portal closes.
const drain = 10 * time.Second

// Start brings a portal up. When it returns, requests are answered; the views may still be catching up.
func Start(ctx context.Context, cfg Config) (p *Portal, err error) {
	TuneGC()
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	p = &Portal{cfg: cfg, metrics: newMetrics(), stop: stop, closing: make(chan struct{}), failed: make(chan error, 8)}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Close())
		}
	}()
	for _, step := range []struct {
		name string
		run  func(ctx, background context.Context) error
	}{
		{"listen", p.listen},
		{"Postgres", p.openPostgres},
		{"event store", p.openStore}, // needs the keys of people
		{"sign-in", p.openSignIn},
		{"mail", p.openMail},
		{"webhooks", p.openWebhooks},
		{"views", p.startViews},
		{"HTTP", p.serve},
	} {
		if err := step.run(ctx, background); err != nil {
			return p, fmt.Errorf("start %s: %w", step.name, err)
		}
	}
	return p, nil
}

func (p *Portal) listen(ctx, _ context.Context) (err error) {
	p.listener, err = Listen(ctx, p.cfg.Listen, p.cfg.NextFreePort)
	return err
}

// openStore connects to the configured event store, or to an embedded node, by the same client.
func (p *Portal) openStore(ctx, _ context.Context) error {
	url := p.cfg.EventStoreURL
	if url == "" {
		free, err := Listen(ctx, p.cfg.NodeListen, p.cfg.NextFreePort)
		if err != nil {
			return err
		}
		address := free.Addr().String()
		if err := free.Close(); err != nil { // the node listens by itself
			return err
		}
		if p.node, err = node.Open(ctx, node.Config{Dir: p.cfg.nodeDir(), Listen: address, Logger: p.cfg.Log}); err != nil {
			return err
		}
		url = p.node.ConnectionString()
		go func() {
			select {
			case <-p.node.Failed():
				p.failed <- fmt.Errorf("the event store has stopped: %w", p.node.Failure())
			case <-p.closing:
			}
		}()
	}
	var err error
	if p.store, err = esdb.Open(esdb.Config{ConnectionString: url, Registry: catalog.Registry(), Keys: p.vault, Logger: p.cfg.Log}); err != nil {
		return err
	}
	p.commands = commands.New(p.store, commands.Observe(p.metrics.observeCommand), commands.People(p.vault),
		commands.InvitationSecrets(func(about string) string {
			return base64.RawURLEncoding.EncodeToString(p.key.Digest("invitation", about))
		}))
	return nil
}

func (p *Portal) openPostgres(ctx, background context.Context) (err error) {
	p.postgres, err = postgres.Start(ctx, postgres.Config{URL: p.cfg.PostgresURL, DataDir: p.cfg.postgresDir(), CacheDir: p.cfg.cacheDir(), Log: p.cfg.Log})
	if err != nil {
		return err
	}
	url := p.postgres.URL()
	if p.writers, err = pgxpool.New(ctx, url); err != nil {
		return err
	}
	if p.readers, err = projections.OpenReaders(ctx, url, Views()...); err != nil {
		return err
	}
	if p.pastRead, err = projections.OpenReaders(ctx, url); err != nil {
		return err
	}
	if p.workers, err = pgxpool.New(ctx, url); err != nil {
		return err
	}
	if err = live.Migrate(ctx, p.writers); err != nil {
		return err
	}
	if p.key, err = vault.Load(p.cfg.vaultKey()); err != nil {
		return err
	}
	if p.secrets, err = secrets.New(ctx, p.writers, p.key); err != nil {
		return err
	}
	p.logs = live.NewLogs(p.writers)
	p.seen = live.NewSeen(p.writers, p.cfg.Log)
	if p.tokens, err = tokens.New(ctx, p.writers, time.Now); err != nil {
		return err
	}
	p.vault, err = people.Open(ctx, p.writers, time.Now)
	return err
}

// Close ends everything in order: first what people wait for, then what works in the background, then what it works on.
func (p *Portal) Close() (err error) {
	close(p.closing)
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	if p.server != nil {
		err = errors.Join(err, p.server.Shutdown(ctx))
	} else if p.listener != nil {
		err = errors.Join(err, p.listener.Close())
	}
	p.stop()
	p.work.Wait()
	if p.past != nil {
		p.past.Wait()
	}
	if p.operator != nil {
		p.operator.Wait()
	}
	if p.seen != nil {
		err = errors.Join(err, p.seen.Close(ctx))
	}
	for _, pool := range []*pgxpool.Pool{p.workers, p.pastRead, p.readers, p.writers} {
		if pool != nil {
			pool.Close()
		}
	}
	if p.store != nil {
		err = errors.Join(err, p.store.Close(ctx))
	}
	if p.node != nil {
		err = errors.Join(err, p.node.Close())
	}
	if p.postgres != nil {
		err = errors.Join(err, p.postgres.Stop(ctx))
	}
	return err
}

// Failed tells why the portal can't go on; whoever runs it should close it then.
func (p *Portal) Failed() <-chan error { return p.failed }

// URL is where the portal answers.
func (p *Portal) URL() string { return "http://" + p.listener.Addr().String() }

// PublicURL is where browsers find the portal.
func (p *Portal) PublicURL() string { return p.publicURL }

// EventStore is the connection string of the log.
func (p *Portal) EventStore() string {
	if p.node != nil {
		return p.node.ConnectionString()
	}
	return p.cfg.EventStoreURL
}

// Postgres is the connection string of the read models.
func (p *Portal) Postgres() string { return p.postgres.URL() }

// Store is the log.
func (p *Portal) Store() *esdb.Store { return p.store }

// Commands carries out commands.
func (p *Portal) Commands() *commands.Handler { return p.commands }

// Seen notes that a device was in contact.
func (p *Portal) Seen(t domain.Tenant, d domain.DeviceID, at time.Time) { p.seen.Touch(t, d, at, "") }
