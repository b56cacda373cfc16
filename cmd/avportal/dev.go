package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"avportal/cmd/internal/demo"
	"avportal/cmd/internal/demorsp"
	"avportal/cmd/internal/portal"
	"avportal/domain"
	"avportal/http/mail/sink"
)

func devCommand() *cobra.Command {
	var cfg portal.Config
	var quiet, noAgent bool
	var resellerListen string
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run a portal with demo data and everything it needs",
		Long: "Run a portal with an embedded event store, a Postgres of its own, demo data and a local agent, until it is\n" +
			"interrupted. A second run goes on with the same data. What scripts need stands in <data>/run.json.",
		Example: "  avportal dev\n  avportal dev --data /tmp/try --listen 127.0.0.1:9000",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			level := slog.LevelInfo
			if quiet {
				level = slog.LevelWarn
			}
			logFile, err := openLog(cfg.DataDir)
			if err != nil {
				return err
			}
			defer logFile.Close()
			cfg.Log = slog.New(slog.NewJSONHandler(logFile, &slog.HandlerOptions{Level: level}))
			cfg.NextFreePort = true
			cfg.DevicesPerSecond = max(cfg.DevicesPerSecond, 200) // simulated time runs fast
			if err := errors.Join(addPassword(&cfg), addMailPassword(&cfg)); err != nil {
				return err
			}
			return dev(cmd.Context(), cmd.OutOrStdout(), cfg, resellerListen, !noAgent)
		},
	}
	portalFlags(cmd.Flags(), &cfg, ".avportal")
	cmd.Flags().BoolVar(&quiet, "quiet", false, "log warnings and errors only")
	cmd.Flags().StringVar(&resellerListen, "rsp-listen", "127.0.0.1:8090", "address of the demo Reseller Portal; unused with --rsp-issuer")
	cmd.Flags().BoolVar(&noAgent, "no-agent", false, "do not start a local agent")
	fromEnvironment(cmd)
	cmd.AddCommand(testPostgresCommand())
	return cmd
}

// openLog keeps the terminal for the summary: the log goes to a file beside the data.
func openLog(data string) (*os.File, error) {
	if err := os.MkdirAll(data, 0o755); err != nil {
		return nil, err
	}
	return os.OpenFile(filepath.Join(data, "portal.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

func dev(ctx context.Context, out io.Writer, cfg portal.Config, resellerListen string, withAgent bool) (err error) {
	began := time.Now()
	fmt.Fprintln(out, "Starting the event store, Postgres and the portal ...")
	seller, err := startReseller(ctx, &cfg, resellerListen)
	if err != nil {
		return err
	}
	if seller != nil {
		defer func() { err = errors.Join(err, seller.Close()) }()
	}
	mails, err := startMail(ctx, &cfg)
	if err != nil {
		return err
	}
	if mails != nil {
		defer func() { err = errors.Join(err, mails.Close()) }()
	}
	p, err := portal.Start(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()

	filled, err := fill(ctx, out, p)
	if err != nil {
		return err
	}
	if seller != nil {
		inventory, err := demo.ResellerPortal(ctx, p.Commands(), time.Now())
		if err != nil {
			return err
		}
		seller.Open(inventory, p.PublicURL())
	}
	token, err := p.DevelopmentToken(ctx, demo.Tenant, demo.AdminID)
	if err != nil {
		return err
	}
	if withAgent {
		agent, err := startAgent(ctx, cfg.DataDir, p.URL(), filled.AgentTID)
		if err != nil {
			fmt.Fprintln(out, "No local agent:", err)
		} else {
			defer agent.stop()
		}
	}
	if err := p.WaitCaughtUp(ctx); err != nil {
		return err
	}
	run := runFile{URL: p.URL(), Token: token, EventStore: p.EventStore(), Postgres: p.Postgres(), PID: os.Getpid(), SimulationTID: string(filled.SimulationTID), Reseller: cfg.Reseller.Issuer}
	if mails != nil {
		run.Mails = mailFolder(cfg.DataDir)
	}
	if err := writeRun(cfg.DataDir, run); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(runFilePath(cfg.DataDir))) }()
	summary(out, run, filled, time.Since(began))
	select {
	case <-ctx.Done():
		fmt.Fprintln(out, "\nStopping ...")
		return nil
	case err := <-p.Failed():
		return err
	}
}

// startReseller brings up the demo Reseller Portal, unless another one is configured.
func startReseller(ctx context.Context, cfg *portal.Config, address string) (*demorsp.Server, error) {
	if cfg.Reseller.Configured() {
		return nil, nil
	}
	l, err := portal.Listen(ctx, address, true)
	if err != nil {
		return nil, err
	}
	seller, err := demorsp.Serve(l)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	cfg.Reseller = seller.Config()
	return seller, nil
}

// startMail brings up a mail server that delivers nothing, unless another one is configured. What the portal sends can be read in a folder.
func startMail(ctx context.Context, cfg *portal.Config) (*sink.Sink, error) {
	if cfg.SMTP != "" {
		return nil, nil
	}
	l, err := portal.Listen(ctx, "127.0.0.1:0", false)
	if err != nil {
		return nil, err
	}
	s, err := sink.Serve(l, mailFolder(cfg.DataDir))
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	cfg.SMTP, cfg.MailFrom = s.URL(), "AV Portal <portal@localhost.example>"
	return s, nil
}

func mailFolder(data string) string { return filepath.Join(data, "mail") }

// fill makes the demo on an empty log.
func fill(ctx context.Context, out io.Writer, p *portal.Portal) (demo.Result, error) {
	head, err := p.Store().Head(ctx)
	if err != nil {
		return demo.Result{}, err
	}
	if !head.IsZero() {
		return demo.TIDs(ctx, p.Commands())
	}
	fmt.Fprintln(out, "Making demo data: a reseller, his customers, and some 300 devices with a past ...")
	seen := func(t domain.Tenant, d domain.DeviceID, at time.Time) { p.Seen(t, d, at) }
	return demo.Fill(ctx, p.Commands(), seen, time.Now(), nil)
}

func writeRun(data string, r runFile) error {
	content, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	path := runFilePath(data)
	if err := os.WriteFile(path+".new", append(content, '\n'), 0o600); err != nil { // it holds a token
		return err
	}
	return os.Rename(path+".new", path)
}

func mailsGoTo(r runFile) string {
	if r.Mails == "" {
		return "to the configured server"
	}
	return "files in " + r.Mails
}

func summary(out io.Writer, r runFile, d demo.Result, took time.Duration) {
	fmt.Fprintf(out, `
The portal is ready after %s.

  API         %s/api/v1/        (health %s/readyz, metrics %s/metrics)
  Sign in     %s            (Reseller Portal %s)
  Mails       %s
  Token       %s
  Event store %s
  Postgres    %s

Try next, in another terminal:

  curl -s -H 'Authorization: Bearer %s' %s/api/v1/dashboard
  curl -s -H 'Authorization: Bearer %s' '%s/api/v1/devices?infected=true'
  bin/avportal simulate --devices 200 --days 7

Ctrl-C stops everything; the data stays and the next run goes on with it.
`, took.Round(100*time.Millisecond), r.URL, r.URL, r.URL, r.URL, r.Reseller, mailsGoTo(r), r.Token, r.EventStore, r.Postgres, r.Token, r.URL, r.Token, r.URL)
}
