// Package portal puts the portal together: event store, read models, commands, HTTP. The server binary runs it, and
// end-to-end tests and benchmarks start the very same thing.
package portal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"avportal/http/rsp"
)

// Config says where a portal lives and what it talks to.
type Config struct {
	// Listen is the HTTP address.
	Listen string
	// NodeListen is the address of the embedded event store node; unused with EventStoreURL.
	NodeListen string
	// NextFreePort takes the next free port where one of the two is taken, instead of failing.
	NextFreePort bool

	// DataDir holds the embedded node's log and the portal's own Postgres.
	DataDir string
	// PostgresURL names a Postgres server; empty means one that the portal brings up itself below DataDir.
	PostgresURL string
	// EventStoreURL is the connection string ("esdb://...") of an EventStoreDB; empty means the embedded node.
	EventStoreURL string

	// PublicURL is where people's browsers find the portal; empty means Listen. It must be https, except on this machine.
	PublicURL string
	// VaultKey is the file with the key that seals secrets in Postgres; empty means one in DataDir, made when it is missing.
	VaultKey string
	// Reseller is the Reseller Portal, whose people may sign in, and from which customers and licenses are taken over.
	Reseller rsp.Config

	// SMTP is the mail server (see mail.NewServer); empty means that no mails are sent.
	SMTP string
	// MailFrom is whom mails come from.
	MailFrom string
	// PrivateWebhooks lets webhooks reach private addresses, on any port: for a portal within an intranet.
	PrivateWebhooks bool
	// MaxBatch bounds how many events a view applies in one transaction; 0 means the default.
	MaxBatch int
	// VerifyEvery is how often each view is compared with its rebuild in the background; 0 means never.
	VerifyEvery time.Duration
	// KeepPrevious is how long the tables from before a rebuild go on following the log; 0 means the default.
	KeepPrevious time.Duration
	// DevicesPerSecond bounds what one device may send, in requests a second; 0 means the default.
	DevicesPerSecond float64
	// RequestsPerSecond bounds what one API token may send, in requests a second; 0 means the default.
	RequestsPerSecond float64

	Log *slog.Logger
}

// String is what may be logged: secrets in URLs are masked.
func (c Config) String() string {
	return fmt.Sprintf("listen=%s data=%s postgres=%s eventstore=%s public=%s reseller=%s mail=%s",
		c.Listen, c.DataDir, describe(c.PostgresURL, "own"), describe(c.EventStoreURL, "embedded node on "+c.NodeListen),
		describe(c.PublicURL, "as listened on"), describe(c.Reseller.Issuer, "none"), describe(c.SMTP, "none"))
}

func describe(configured, otherwise string) string {
	if configured == "" {
		return otherwise
	}
	u, err := url.Parse(configured)
	if err != nil {
		return "(configured)"
	}
	return u.Redacted()
}

func (c Config) vaultKey() string {
	if c.VaultKey != "" {
		return c.VaultKey
	}
	return filepath.Join(c.DataDir, "vault.key")
}

func (c Config) nodeDir() string     { return filepath.Join(c.DataDir, "eventstore") }
func (c Config) postgresDir() string { return filepath.Join(c.DataDir, "postgres") }
func (c Config) cacheDir() string    { return filepath.Join(c.DataDir, "cache") }

const portsToTry = 50

// Listen opens a TCP listener; with next, on the next free port where the asked one is taken.
func Listen(ctx context.Context, address string, next bool) (net.Listener, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	if err == nil || !next || !errors.Is(err, syscall.EADDRINUSE) {
		return l, err
	}
	host, port, splitErr := net.SplitHostPort(address)
	if splitErr != nil {
		return nil, splitErr
	}
	first, portErr := net.DefaultResolver.LookupPort(ctx, "tcp", port)
	if portErr != nil {
		return nil, portErr
	}
	for p := first + 1; p <= first+portsToTry; p++ {
		if l, err = config.Listen(ctx, "tcp", net.JoinHostPort(strings.Trim(host, "[]"), fmt.Sprint(p))); err == nil {
			return l, nil
		}
	}
	return nil, fmt.Errorf("ports %d to %d are all taken: %w", first, first+portsToTry, err)
}
