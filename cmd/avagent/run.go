package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime"

	"github.com/kardianos/service"
	"github.com/spf13/cobra"

	"avportal/cmd/avagent/agent"
	"avportal/cmd/avagent/devicelog"
)

func runCommand() *cobra.Command {
	var o options
	var asService bool
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Report to the portal and execute its commands, until stopped",
		Long: `Report to the portal and execute its commands until SIGTERM or Ctrl-C. A scan that is interrupted is done again at
the next start. What cannot be delivered waits on disk.`,
		Example: "  avagent run\n  avagent run --engine builtin --database ./signatures --root /srv --interval 5m",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := openState(cmd)
			if err != nil {
				return err
			}
			if asService {
				return serveAsService(cmd.Context(), func(ctx context.Context, log *slog.Logger) error {
					a, err := o.agent(ctx, dir, devicelog.Keep(log, dir.Path()))
					if err != nil {
						return err
					}
					return a.Run(ctx)
				})
			}
			a, err := o.agent(cmd.Context(), dir, devicelog.Keep(textLog(cmd.ErrOrStderr()), dir.Path()))
			if err != nil {
				return err
			}
			return a.Run(cmd.Context())
		},
	}
	o.bind(cmd)
	cmd.Flags().DurationVar(&o.interval, "interval", 0, "longest silence between two reports (default: what the portal says, usually 20m)")
	cmd.Flags().BoolVar(&asService, "service", false, "started by the service manager")
	_ = cmd.Flags().MarkHidden("service") // the flag exists
	return cmd
}

// program is the agent as the service manager sees it.
type program struct {
	ctx    context.Context
	cancel context.CancelFunc
	run    func(context.Context, *slog.Logger) error
	log    *slog.Logger
	ended  chan error
}

// Start is called by the service manager and must return.
func (p *program) Start(s service.Service) error {
	go func() {
		err := p.run(p.ctx, p.log)
		p.ended <- err
		if p.ctx.Err() == nil { // it ended by itself
			_ = s.Stop()
			exit(p.log, err)
		}
	}()
	return nil
}

// exit ends the process. A removed device ends well: the service manager must not start it over and over.
func exit(log *slog.Logger, err error) {
	if errors.Is(err, agent.ErrRemoved) || err == nil {
		os.Exit(0)
	}
	log.Error("the agent ends", "error", err)
	os.Exit(exitFailure)
}

// Stop is called by the service manager and returns when the agent is down.
func (p *program) Stop(service.Service) error {
	p.cancel()
	return <-p.ended
}

func serveAsService(ctx context.Context, run func(context.Context, *slog.Logger) error) error {
	p := &program{run: run, ended: make(chan error, 1), log: slog.New(slog.NewJSONHandler(os.Stderr, nil))}
	p.ctx, p.cancel = context.WithCancel(ctx)
	defer p.cancel()
	s, err := service.New(p, serviceConfig(nil))
	if err != nil {
		return err
	}
	if runtime.GOOS == "windows" { // a service there has no standard error
		events, err := s.Logger(nil)
		if err != nil {
			return err
		}
		p.log = slog.New(slog.NewTextHandler(eventLog{events}, nil))
	}
	return s.Run()
}

// eventLog writes lines to the system's log.
type eventLog struct{ service.Logger }

// Write implements io.Writer.
func (l eventLog) Write(line []byte) (int, error) { return len(line), l.Info(string(line)) }
