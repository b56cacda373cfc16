package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"avportal/cmd/internal/fleet"
)

func simulateCommand() *cobra.Command {
	var (
		cfg     fleet.Config
		days    float64
		data    string
		asJSON  bool
		perHour float64
	)
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Drive a simulated fleet of devices against a running portal",
		Long: "Drive a simulated fleet through the device API: every device enrolls, reports, meets threats, obeys commands.\n" +
			"Without --url and --tid the portal that `avportal dev` is running is used, with its license for simulations.\n" +
			"With one license the portal lets 1,000 devices enroll at once, and 60 a minute from then on; larger fleets wait for that.",
		Example: "  avportal simulate --devices 500 --days 7 --speed 86400   # a week in seven seconds, as far as the machine can\n" +
			"  avportal simulate --devices 50 --days 1 --speed 0        # as fast as possible",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cfg.URL == "" || len(cfg.TIDs) == 0 {
				r, err := readRun(data)
				if err != nil {
					return fmt.Errorf("no --url and --tid, and no portal runs here (start one with `avportal dev`): %w", err)
				}
				if cfg.URL == "" {
					cfg.URL = r.URL
				}
				if len(cfg.TIDs) == 0 {
					cfg.TIDs = []string{r.SimulationTID}
				}
			}
			cfg.Span = time.Duration(days * 24 * float64(time.Hour))
			cfg.Start = time.Now().Add(-cfg.Span)
			cfg.Interval = time.Duration(float64(time.Hour) / perHour)
			cfg.Patience = time.Minute
			finish := showProgress(cmd, &cfg)
			s, err := fleet.Run(cmd.Context(), cfg)
			finish(s)
			if asJSON {
				if jsonErr := json.NewEncoder(cmd.OutOrStdout()).Encode(s); err == nil {
					err = jsonErr
				}
			} else {
				report(cmd, s)
			}
			return err
		},
	}
	f := cmd.Flags()
	f.IntVar(&cfg.Devices, "devices", 100, "number of devices")
	f.Float64Var(&days, "days", 1, "simulated days")
	f.Float64Var(&cfg.Speed, "speed", 0, "simulated seconds a second; 0 is as fast as the portal takes it")
	f.Float64Var(&perHour, "reports-per-hour", 3, "reports of one device in a simulated hour")
	f.IntVar(&cfg.Connections, "connections", 32, "requests at a time")
	f.Uint64Var(&cfg.Seed, "seed", 1, "the same seed makes the same devices")
	f.StringVar(&cfg.URL, "url", "", "the portal's address")
	f.StringSliceVar(&cfg.TIDs, "tid", nil, "license to enroll with; may be repeated")
	f.StringVar(&data, "data", ".avportal", "data directory of the portal that runs here")
	f.BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

// showProgress draws a bar on a terminal and writes a line every ten seconds elsewhere.
func showProgress(cmd *cobra.Command, cfg *fleet.Config) (finish func(fleet.Snapshot)) {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		last := time.Now()
		cfg.Progress = func(s fleet.Snapshot) {
			if time.Since(last) >= 10*time.Second {
				last = time.Now()
				fmt.Fprintf(cmd.ErrOrStderr(), "simulate: %d of %d devices, %d reports, %.1f of %.1f days\n", s.Enrolled, s.Devices, s.Reports, inDays(s.Simulated), inDays(s.Span))
			}
		}
		return func(fleet.Snapshot) {}
	}
	const steps = 1000
	bar := progressbar.NewOptions(steps, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish())
	update := func(s fleet.Snapshot) {
		bar.Describe(fmt.Sprintf("%d devices, %d reports, %.0f/s", s.Enrolled, s.Reports, float64(s.Reports)/s.Elapsed.Seconds()))
		if s.Span > 0 {
			_ = bar.Set(int(steps * s.Simulated / s.Span)) // a bar that can't be drawn stops nothing
		}
	}
	cfg.Progress = update
	return func(fleet.Snapshot) { _ = bar.Finish() }
}

func report(cmd *cobra.Command, s fleet.Snapshot) {
	fmt.Fprintf(cmd.OutOrStdout(), `simulated      %.1f days of %d devices in %s
enrolled       %d
reports        %d (%.0f a second)
threats        %d found, %d resolved
commands       %d carried out
refused        %d
repeated       %d requests that got no answer at first
answer time    p50 %s, p99 %s
`, inDays(s.Simulated), s.Devices, s.Elapsed.Round(time.Millisecond), s.Enrolled, s.Reports, float64(s.Reports)/s.Elapsed.Seconds(),
		s.Threats, s.Resolved, s.Commands, s.Refused, s.Repeated, s.P50.Round(10*time.Microsecond), s.P99.Round(10*time.Microsecond))
}

func inDays(d time.Duration) float64 { return d.Hours() / 24 }

// runFile is what a running development portal tells scripts: .avportal/run.json.
type runFile struct {
	URL           string `json:"url"`
	Token         string `json:"token"`
	EventStore    string `json:"eventstore"`
	Postgres      string `json:"postgres"`
	PID           int    `json:"pid"`
	SimulationTID string `json:"simulation_tid"`
	Reseller      string `json:"reseller_portal"`
	Mails         string `json:"mails,omitempty"` // the folder where they come to
}

func runFilePath(data string) string { return filepath.Join(data, "run.json") }

func readRun(data string) (r runFile, err error) {
	content, err := os.ReadFile(runFilePath(data))
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(content, &r)
}
