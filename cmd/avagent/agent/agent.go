// Package agent is the device's side of the portal: it enrolls, scans, reports and executes the portal's commands.
package agent

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime"
	"time"

	"go.etcd.io/bbolt"

	"avportal/cmd/avagent/client"
	"avportal/cmd/avagent/devicelog"
	"avportal/cmd/avagent/engine"
	"avportal/cmd/avagent/state"
	"avportal/http/agent/wire"
)

// Config is what an agent needs.
type Config struct {
	Dir    *state.Dir
	Engine engine.Engine
	Source engine.Source
	// Roots bound what the portal may have scanned, and are what a full scan covers. Empty means DefaultRoots.
	Roots []string
	// QuickRoots are what a quick scan covers. Empty means DefaultQuickRoots, or Roots where those were given.
	QuickRoots []string
	// Interval is the longest silence between two reports; 0 leaves it to the portal.
	Interval time.Duration
	Version  string
	Log      *slog.Logger
	// Logs are what the portal gets when it asks for the log of the device.
	Logs []devicelog.Source
}

// Agent on one device. Several may work on one state directory, but only one of them may Run.
type Agent struct {
	cfg Config
	// toSend and toDo wake the loops; they hold at most one token, as each loop looks at everything when it wakes.
	toSend, toDo chan struct{}
	realtime     realtime
}

// Errors that a person has to do something about.
var (
	ErrNotEnrolled = errors.New(`this device is not enrolled; run "avagent enroll" first`)
	ErrRemoved     = errors.New(`the portal has removed this device; run "avagent enroll" to add it again`)
	ErrPending     = errors.New(`the portal could not be reached; "avagent run" will complete the enrollment`)
)

// New makes an agent.
func New(cfg Config) *Agent {
	if len(cfg.QuickRoots) == 0 {
		cfg.QuickRoots = cfg.Roots
		if len(cfg.Roots) == 0 {
			cfg.QuickRoots = DefaultQuickRoots()
		}
	}
	if len(cfg.Roots) == 0 {
		cfg.Roots = DefaultRoots()
	}
	return &Agent{cfg: cfg, toSend: make(chan struct{}, 1), toDo: make(chan struct{}, 1), realtime: realtime{failed: make(chan struct{}, 1)}}
}

// DefaultRoots are the whole computer.
func DefaultRoots() []string {
	if runtime.GOOS == "windows" {
		return []string{os.Getenv("SystemDrive") + `\`}
	}
	return []string{"/"}
}

// DefaultQuickRoots are where what people receive and run tends to lie.
func DefaultQuickRoots() []string {
	switch runtime.GOOS {
	case "windows":
		return []string{os.Getenv("SystemDrive") + `\Users`, os.Getenv("SystemRoot") + `\Temp`}
	case "darwin":
		return []string{"/Users", "/private/tmp", "/private/var/tmp"}
	default:
		return []string{"/home", "/root", "/tmp", "/var/tmp"}
	}
}

func (a *Agent) newClient(id state.Identity) (*client.Client, error) {
	return client.New(id.Server, id.AllowPlain, a.cfg.Version)
}

// interval between reports: what the person said, else what the portal said, else the contract's default.
func (a *Agent) interval(id state.Identity) time.Duration {
	for _, d := range []time.Duration{a.cfg.Interval, id.ReportInterval} {
		if d > 0 {
			return d
		}
	}
	return wire.DefaultReportInterval
}

func wake(loop chan struct{}) {
	select {
	case loop <- struct{}{}:
	default:
	}
}

// pause waits for a wake-up (nil for none), the time, or the end. It reports whether to go on.
func pause(ctx context.Context, wakeUp <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-wakeUp:
	case <-timer.C:
	}
	return ctx.Err() == nil
}

const metaBucket = "meta"

// contact is what "avagent status" tells about one of the two dealings with the portal.
type contact struct {
	Last time.Time `json:"last,omitzero"`
	// Problem is why the last attempt failed, empty when it did not.
	Problem string `json:"problem,omitempty"`
}

// Dealings with the portal. One may be well while the other is not.
const (
	polling  = "polling"
	delivery = "delivery"
)

func noteContact(tx *bbolt.Tx, dealing string, failure error) error {
	var c contact
	if err := state.Get(tx, metaBucket, dealing, &c); err != nil {
		return err
	}
	if failure != nil {
		c.Problem = failure.Error()
	} else {
		c = contact{Last: time.Now().UTC()}
	}
	return state.Put(tx, metaBucket, dealing, c)
}
