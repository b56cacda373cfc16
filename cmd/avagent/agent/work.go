package agent

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"avportal/cmd/avagent/devicelog"
	"avportal/cmd/avagent/engine"
	"avportal/cmd/avagent/outbox"
	"avportal/cmd/avagent/signatures"
	"avportal/cmd/avagent/state"
	"avportal/cmd/avagent/tasks"
	"avportal/http/agent/wire"
)

// maxAttempts is how often a command may bring the agent down before it is given up.
const maxAttempts = 3

// work executes commands one after the other.
func (a *Agent) work(ctx context.Context) error {
	for ctx.Err() == nil {
		var task tasks.Task
		var ok bool
		if err := a.cfg.Dir.View(func(tx *bbolt.Tx) (err error) {
			task, ok, err = tasks.Next(tx)
			return err
		}); err != nil {
			return err
		}
		if !ok {
			pause(ctx, a.toDo, time.Minute)
			continue
		}
		if err := a.execute(ctx, task); err != nil {
			return err
		}
	}
	return nil
}

func (a *Agent) execute(ctx context.Context, task tasks.Task) error {
	paths, refused, ok := a.admit(task)
	if !ok {
		a.cfg.Log.WarnContext(ctx, "command refused", "command", task.Command.ID, "code", refused.Code, "detail", refused.Detail)
		return a.finish(ctx, task, refused, nil)
	}
	a.cfg.Log.InfoContext(ctx, "command begins", "command", task.Command.ID, "kind", task.Command.Kind, "attempt", task.Begun+1)
	if err := a.begin(task); err != nil {
		return err
	}
	var result wire.CommandResult
	var scan *scanned
	switch task.Command.Kind {
	case wire.KindUpdate:
		result = a.update(ctx)
	case wire.KindApplyProfile:
		var err error
		if result, err = a.apply(ctx, task.Command.Configuration); err != nil {
			return err
		}
	case wire.KindLog:
		result = a.collectLog()
	default:
		s := a.scan(ctx, task.Command.Profile, paths, task.Command.ID)
		scan, result = &s, scanResult(s)
	}
	if ctx.Err() != nil {
		return a.cfg.Dir.Update(func(tx *bbolt.Tx) error { return tasks.Interrupt(tx, task) })
	}
	a.cfg.Log.InfoContext(ctx, "command ends", "command", task.Command.ID, "ok", result.OK, "detail", result.Detail)
	return a.finish(ctx, task, result, scan)
}

// admit applies the allow-list and returns the paths to scan, or the refusal. A command that had begun before the agent
// went down may go on after its expiry.
func (a *Agent) admit(task tasks.Task) (paths []string, refused wire.CommandResult, ok bool) {
	c := task.Command
	no := func(code, format string, args ...any) ([]string, wire.CommandResult, bool) {
		return nil, wire.CommandResult{At: time.Now().UTC(), Code: code, Detail: fmt.Sprintf(format, args...)}, false
	}
	if known := []string{wire.KindScan, wire.KindUpdate, wire.KindApplyProfile, wire.KindLog}; !slices.Contains(known, c.Kind) {
		return no(wire.ResultUnknownKind, "this agent knows the commands %s, not %q", strings.Join(known, ", "), c.Kind)
	}
	if task.Begun >= maxAttempts {
		return no(wire.ResultFailed, "the agent went down %d times while executing this command", task.Begun)
	}
	if task.Begun == 0 && !time.Now().Before(c.ExpiresAt) {
		return no(wire.ResultExpired, "the command expired before this device could begin it")
	}
	if c.Kind == wire.KindApplyProfile && (c.Configuration == nil || c.Configuration.Profile == "" || c.Configuration.Edition < 1) {
		return no(wire.ResultInvalid, "the command holds no settings")
	}
	if c.Kind != wire.KindScan {
		return nil, refused, true
	}
	if len(c.Paths) > wire.MaxPaths || (c.Profile == wire.ProfilePath) != (len(c.Paths) > 0) {
		return no(wire.ResultInvalid, "paths and the profile %q do not go together", c.Profile)
	}
	for _, p := range c.Paths {
		if !filepath.IsAbs(p) || strings.ContainsRune(p, 0) {
			return no(wire.ResultInvalid, "%q is not an absolute path of this system", p)
		}
	}
	paths, err := a.resolveAll(c.Profile, c.Paths)
	if err != nil {
		return no(wire.ResultInvalid, "%v", err)
	}
	if bad := a.outside(c.Profile, paths); bad != "" {
		return no(wire.ResultNotAllowed, "%s is not within the roots that may be scanned on this device", bad)
	}
	return paths, refused, true
}

// outside names the first path that the portal may not have scanned. Profiles are the device's own choice.
func (a *Agent) outside(profile string, paths []string) string {
	if profile != wire.ProfilePath {
		return ""
	}
	for _, p := range paths {
		if !slices.ContainsFunc(a.cfg.Roots, func(root string) bool {
			real, err := resolve(root)
			return err == nil && engine.Within(p, real)
		}) {
			return p
		}
	}
	return ""
}

func (a *Agent) begin(task tasks.Task) error {
	defer wake(a.toSend)
	return a.cfg.Dir.Update(func(tx *bbolt.Tx) error {
		if err := tasks.Begin(tx, task); err != nil || task.Begun > 0 {
			return err
		}
		now := time.Now().UTC()
		return queueJSON(tx, outbox.Started, wire.StartedPath(task.Command.ID), task.Command.ID+"/started", now, wire.CommandStarted{At: now})
	})
}

func scanResult(s scanned) wire.CommandResult {
	r := wire.CommandResult{At: s.scan.FinishedAt, OK: s.err == nil, Code: wire.ResultDone, Scan: &s.scan}
	if s.err != nil {
		r.Code, r.Detail = wire.ResultFailed, "the scan failed: "+s.scan.Detail
		return r
	}
	r.Detail = fmt.Sprintf("infected files: %d", s.scan.Infected)
	if s.scan.Files >= 0 {
		r.Detail += fmt.Sprintf(", scanned: %d", s.scan.Files)
	}
	if s.scan.Errors > 0 {
		r.Detail += fmt.Sprintf(", not readable: %d", s.scan.Errors)
	}
	return r
}

func (a *Agent) update(ctx context.Context) wire.CommandResult {
	v, err := a.Update(ctx)
	r := wire.CommandResult{At: time.Now().UTC(), OK: err == nil, Code: wire.ResultDone, Detail: "signatures " + v.Version}
	if err != nil {
		r.Code, r.Detail = wire.ResultFailed, err.Error()
		return r
	}
	r.SignatureVersion = v.Version
	if !v.Date.IsZero() {
		date := v.Date.UTC()
		r.SignatureDate = &date
	}
	return r
}

// collectLog is the answer to who asks for the log of the device.
func (a *Agent) collectLog() wire.CommandResult {
	content, err := devicelog.Collect(a.cfg.Logs, wire.MaxLogBytes)
	r := wire.CommandResult{At: time.Now().UTC(), OK: err == nil, Code: wire.ResultDone, Log: content}
	if err != nil {
		r.Code, r.Detail = wire.ResultFailed, err.Error()
		return r
	}
	r.Detail = fmt.Sprintf("log of %d bytes, compressed", len(content))
	return r
}

// finish makes the end of a command durable: what the scan found, the result, and that it is over, all or nothing.
func (a *Agent) finish(ctx context.Context, task tasks.Task, r wire.CommandResult, scan *scanned) error {
	err := a.cfg.Dir.Update(func(tx *bbolt.Tx) error {
		if scan != nil {
			threats, err := scan.record(tx)
			if err != nil {
				return err
			}
			r.Threats = threats
		}
		r.Clean()
		if err := queueJSON(tx, outbox.Result, wire.ResultPath(task.Command.ID), task.Command.ID+"/result", r.At, r); err != nil {
			return err
		}
		return tasks.Finish(tx, task)
	})
	if err != nil {
		return err
	}
	wake(a.toSend)
	_, err = a.Report(ctx)
	return err
}

func queueJSON(tx *bbolt.Tx, class outbox.Class, path, key string, at time.Time, value any) error {
	body, err := state.Encode(value)
	if err != nil {
		return fmt.Errorf("encode for %s: %w", path, err)
	}
	return outbox.Put(tx, outbox.Entry{Class: class, Path: path, Key: key, Body: body, QueuedAt: at})
}

// Update fetches and reloads signatures, whoever asks for it.
func (a *Agent) Update(ctx context.Context) (signatures.Version, error) {
	c, err := a.configuration()
	if err != nil {
		return signatures.Version{}, err
	}
	source := a.cfg.Source
	source.Proxy = c.Updates.Proxy
	return engine.Update(ctx, a.cfg.Engine, source)
}
