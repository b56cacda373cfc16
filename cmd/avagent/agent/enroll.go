package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"avportal/cmd/avagent/client"
	"avportal/cmd/avagent/findings"
	"avportal/cmd/avagent/outbox"
	"avportal/cmd/avagent/state"
	"avportal/cmd/avagent/tasks"
	"avportal/http/agent/wire"
)

// Enrollment is what a person says to enroll a device.
type Enrollment struct {
	Server, TID, Group string
	// AllowPlain permits unencrypted HTTP to another machine.
	AllowPlain bool
	// Force leaves the portal or license that the device is enrolled with.
	Force bool
}

// Enroll makes the device known to the portal. Repeating it is harmless. The error is ErrPending when the portal could
// not be reached: Run then goes on trying.
func (a *Agent) Enroll(ctx context.Context, e Enrollment) (state.Identity, error) {
	id, err := a.cfg.Dir.Identity()
	if err != nil {
		return id, err
	}
	if id.Enrolled() && !e.Force && id.Server != e.Server {
		return id, fmt.Errorf("this device is enrolled with %s; use --force to leave it", id.Server)
	}
	if _, err := client.New(e.Server, e.AllowPlain, a.cfg.Version); err != nil {
		return id, err
	}
	before := id
	if !id.Enrolled() || e.Force {
		release, err := a.cfg.Dir.Lock()
		if err != nil {
			return id, fmt.Errorf("stop it before enrolling: %w", err)
		}
		defer func() { _ = release() }()
		if id, err = renew(id, e.Force); err != nil {
			return id, err
		}
	}
	id.Server, id.TID, id.Group, id.AllowPlain = e.Server, e.TID, e.Group, e.AllowPlain
	// Saved before it is sent: if the answer gets lost, the repetition must come with the same secret.
	if err := a.cfg.Dir.SaveIdentity(id); err != nil {
		return id, err
	}
	id, err = a.enroll(ctx, id)
	switch client.Judge(err) {
	case client.Accepted:
		return id, nil
	case client.Later:
		if before.Enrolled() && !e.Force {
			return before, errors.Join(err, a.cfg.Dir.SaveIdentity(before))
		}
		return id, fmt.Errorf("%w: %w", ErrPending, err)
	}
	// A clear no: nothing to go on trying.
	if before.Pending() {
		before.Server, before.TID, before.Group = "", "", ""
	}
	return before, errors.Join(err, a.cfg.Dir.SaveIdentity(before))
}

// renew makes a device that leaves or was removed a new one to the portal; its guid stays.
func renew(id state.Identity, force bool) (state.Identity, error) {
	if id.RemovedAt.IsZero() && !force {
		return id, nil
	}
	id.DeviceID, id.EnrolledAt, id.RemovedAt = "", time.Time{}, time.Time{}
	return id, id.NewSecret()
}

func (a *Agent) enroll(ctx context.Context, id state.Identity) (state.Identity, error) {
	c, err := a.newClient(id)
	if err != nil {
		return id, err
	}
	defer c.Close()
	facts, _ := a.observe(ctx, id.Server)
	req := wire.EnrollRequest{
		TID: id.TID, DeviceGUID: id.GUID, SecretHash: wire.HashSecret(id.Credential().Secret), Group: id.Group, Facts: facts,
	}
	req.Clean()
	answer, err := c.Enroll(ctx, req)
	if err != nil {
		return id, err
	}
	known := id.DeviceID == answer.DeviceID
	id.DeviceID = answer.DeviceID
	if id.EnrolledAt.IsZero() {
		id.EnrolledAt = time.Now().UTC()
	}
	id.PollWait = clamp(answer.PollWaitSeconds, wire.DefaultPollWait, wire.MaxPollWait)
	id.ReportInterval = clamp(answer.ReportIntervalSeconds, wire.DefaultReportInterval, 24*time.Hour)
	if !known {
		if err := a.cfg.Dir.Update(startAnew); err != nil {
			return id, err
		}
	}
	return id, a.cfg.Dir.SaveIdentity(id)
}

// startAnew makes the device tell a portal that knows nothing of it everything, and forget what it meant to tell another.
func startAnew(tx *bbolt.Tx) error {
	return errors.Join(outbox.Clear(tx), tasks.Clear(tx), findings.Retell(tx), state.Delete(tx, metaBucket, "reported"),
		state.Delete(tx, metaBucket, configurationKey), state.Delete(tx, metaBucket, autoscanKey))
}

func clamp(seconds int, fallback, most time.Duration) time.Duration {
	if seconds <= 0 {
		return fallback
	}
	return min(time.Duration(min(seconds, 1_000_000))*time.Second, most)
}

// completeEnrollment goes on with an enrollment whose answer never came.
func (a *Agent) completeEnrollment(ctx context.Context, id state.Identity) (state.Identity, error) {
	backoff := client.DefaultBackoff()
	for {
		enrolled, err := a.enroll(ctx, id)
		if err == nil {
			a.cfg.Log.InfoContext(ctx, "enrolled", "device", enrolled.DeviceID, "server", enrolled.Server)
			return enrolled, nil
		}
		if ctx.Err() != nil {
			return id, nil //nolint:nilerr // not a failure: the agent was told to end
		}
		if v := client.Judge(err); v != client.Later && v != client.Forbidden {
			return id, fmt.Errorf("enroll: %w", err)
		}
		wait := backoff.Next(err)
		a.cfg.Log.WarnContext(ctx, "not enrolled yet", "error", err, "again_in", wait.Round(time.Second))
		if !pause(ctx, nil, wait) {
			return id, nil
		}
	}
}

// removed makes the device forget what a portal that does not want it any more should have been told.
func (a *Agent) removed() error {
	id, err := a.cfg.Dir.Identity()
	if err != nil {
		return err
	}
	id.RemovedAt = time.Now().UTC()
	if err := errors.Join(a.cfg.Dir.SaveIdentity(id), a.cfg.Dir.Update(startAnew)); err != nil {
		return err
	}
	return ErrRemoved
}
