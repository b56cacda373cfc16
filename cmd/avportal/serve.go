package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"avportal/cmd/internal/portal"
)

func serveCommand() *cobra.Command {
	var cfg portal.Config
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the portal",
		Long: "Run the portal until it is interrupted. Without a configured event store or Postgres it brings up its own\n" +
			"below the data directory.",
		Example: "  avportal serve --data /var/lib/avportal\n" +
			"  AVPORTAL_EVENTSTORE_URL='esdb://db1,db2,db3:2113' AVPORTAL_POSTGRES_URL='postgres://portal@db/portal' avportal serve",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg.Log = newLogger()
			if err := errors.Join(addPassword(&cfg), addClientSecret(&cfg), addMailPassword(&cfg)); err != nil {
				return err
			}
			cfg.Log.Info("starting", "version", version, "config", cfg.String())
			return serve(cmd.Context(), cfg)
		},
	}
	portalFlags(cmd.Flags(), &cfg, "/var/lib/avportal")
	fromEnvironment(cmd)
	return cmd
}

func serve(ctx context.Context, cfg portal.Config) error {
	p, err := portal.Start(ctx, cfg)
	if err != nil {
		return err
	}
	cfg.Log.Info("serving", "url", p.URL())
	select {
	case <-ctx.Done():
	case err = <-p.Failed():
	}
	cfg.Log.Info("stopping")
	if closeErr := p.Close(); err == nil {
		err = closeErr
	}
	return err
}

// portalFlags are the settings that every way of running the portal shares.
func portalFlags(flags *pflag.FlagSet, cfg *portal.Config, data string) {
	flags.StringVar(&cfg.Listen, "listen", "127.0.0.1:8080", "HTTP address")
	flags.StringVar(&cfg.NodeListen, "node-listen", "127.0.0.1:2113", "address of the embedded event store node")
	flags.StringVar(&cfg.DataDir, "data", data, "directory of the embedded event store and of the portal's own Postgres")
	flags.StringVar(&cfg.PostgresURL, "postgres-url", "", "Postgres to use instead of an own one (postgres://...)")
	flags.StringVar(&cfg.EventStoreURL, "eventstore-url", "", "EventStoreDB to use instead of the embedded node (esdb://...)")
	flags.StringVar(&cfg.PublicURL, "public-url", "", "where browsers find the portal (https://portal.example); https is needed unless it is this machine")
	flags.StringVar(&cfg.VaultKey, "vault-key", "", "file with the key that seals secrets in Postgres; made in the data directory if it is not named. Portals on one Postgres share it")
	flags.StringVar(&cfg.Reseller.Issuer, "rsp-issuer", "", "OpenID issuer of the Reseller Portal, through which people sign in")
	flags.StringVar(&cfg.Reseller.ClientID, "rsp-client-id", "avportal", "the portal's client id there")
	flags.StringVar(&cfg.Reseller.ClientSecret, "rsp-client-secret", "", "the portal's client secret there; better in a file named by AVPORTAL_RSP_CLIENT_SECRET_FILE")
	flags.StringVar(&cfg.Reseller.API, "rsp-api", "", "where the Reseller Portal lists accounts and licenses (https://reseller.example/api)")
	flags.StringVar(&cfg.SMTP, "smtp", "", "mail server: smtp://user:password@host:587 (STARTTLS), smtps://..., or smtp+unencrypted://... on this machine or in a private network; no mails are sent without one. The password may stand in a file named by AVPORTAL_SMTP_PASSWORD_FILE")
	flags.StringVar(&cfg.MailFrom, "mail-from", "", "whom mails come from (AV Portal <portal@example.com>)")
	flags.BoolVar(&cfg.PrivateWebhooks, "private-webhooks", false, "let webhooks reach private addresses, on any port: for a portal within an intranet")
	flags.IntVar(&cfg.MaxBatch, "max-batch", 5000, "how many events a view takes at a time at most; one that is far behind writes several such batches in one transaction")
	flags.DurationVar(&cfg.VerifyEvery, "verify-every", 0, "how often each view is compared with its rebuild, as a metric; 0 for never")
	flags.DurationVar(&cfg.KeepPrevious, "keep-previous", 24*time.Hour, "how long the tables from before a rebuild can be rolled back to")
	flags.Float64Var(&cfg.DevicesPerSecond, "device-rate", 5, "how many requests a second one device may send")
	flags.Float64Var(&cfg.RequestsPerSecond, "token-rate", 50, "how many requests a second one API token may send")
}

// fromEnvironment lets each flag be set by AVPORTAL_<NAME>; the command line wins. It says so in the help.
func fromEnvironment(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" {
			return
		}
		name := "AVPORTAL_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		f.Usage += " [" + name + "]"
		if v, ok := os.LookupEnv(name); ok && v != "" {
			f.DefValue = v
			if err := f.Value.Set(v); err != nil {
				run := cmd.RunE
				cmd.RunE = func(c *cobra.Command, args []string) error {
					if f.Changed { // the command line has replaced it
						return run(c, args)
					}
					return fmt.Errorf("%s=%q: %w", name, v, err)
				}
			}
		}
	})
	cmd.Long += "\n\nThe password of Postgres may stand in a file named by AVPORTAL_POSTGRES_PASSWORD_FILE instead of the URL."
}

// addPassword puts the password of AVPORTAL_POSTGRES_PASSWORD_FILE into the URL, so that no secret need stand in the
// environment.
func addPassword(cfg *portal.Config) error {
	file := os.Getenv("AVPORTAL_POSTGRES_PASSWORD_FILE")
	if file == "" || cfg.PostgresURL == "" {
		return nil
	}
	password, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	u, err := url.Parse(cfg.PostgresURL)
	if err != nil {
		return fmt.Errorf("the Postgres URL is not a URL")
	}
	u.User = url.UserPassword(u.User.Username(), strings.TrimSpace(string(password)))
	cfg.PostgresURL = u.String()
	return nil
}

// addClientSecret reads the secret for the Reseller Portal from the file of AVPORTAL_RSP_CLIENT_SECRET_FILE.
func addClientSecret(cfg *portal.Config) error {
	file := os.Getenv("AVPORTAL_RSP_CLIENT_SECRET_FILE")
	if file == "" {
		return nil
	}
	secret, err := os.ReadFile(file)
	cfg.Reseller.ClientSecret = strings.TrimSpace(string(secret))
	return err
}

// addMailPassword puts the password of AVPORTAL_SMTP_PASSWORD_FILE into the address of the mail server.
func addMailPassword(cfg *portal.Config) error {
	file := os.Getenv("AVPORTAL_SMTP_PASSWORD_FILE")
	if file == "" || cfg.SMTP == "" {
		return nil
	}
	password, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	u, err := url.Parse(cfg.SMTP)
	if err != nil || u.User == nil {
		return errors.New("the mail server must be like smtp://user@mail.example:587, to have a password")
	}
	u.User = url.UserPassword(u.User.Username(), strings.TrimSpace(string(password)))
	cfg.SMTP = u.String()
	return nil
}

// newLogger writes text to a terminal and JSON elsewhere.
func newLogger() *slog.Logger {
	if term.IsTerminal(int(os.Stderr.Fd())) {
		return slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return slog.New(slog.NewJSONHandler(os.Stderr, nil))
}
