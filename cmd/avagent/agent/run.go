package agent

import (
	"context"
	"errors"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sync/errgroup"

	"avportal/cmd/avagent/client"
	"avportal/cmd/avagent/outbox"
	"avportal/cmd/avagent/state"
	"avportal/cmd/avagent/tasks"
	"avportal/http/agent/wire"
)

// Run reports, polls and executes until ctx ends, which is no error. Errors: ErrNotEnrolled, ErrRemoved,
// state.ErrRunning, and those of a disk that can hold no state.
func (a *Agent) Run(ctx context.Context) error {
	release, err := a.cfg.Dir.Lock()
	if err != nil {
		return err
	}
	defer func() { _ = release() }()
	id, err := a.cfg.Dir.Identity()
	if err != nil {
		return err
	}
	if id.Pending() {
		id, err = a.completeEnrollment(ctx, id)
		if err != nil || ctx.Err() != nil {
			return err
		}
	}
	switch {
	case !id.RemovedAt.IsZero():
		return ErrRemoved
	case !id.Enrolled():
		return ErrNotEnrolled
	}
	return a.serve(ctx, id)
}

func (a *Agent) serve(ctx context.Context, id state.Identity) error {
	c, err := a.newClient(id)
	if err != nil {
		return err
	}
	defer c.Close()
	c = c.As(id.Credential())
	a.cfg.Log.InfoContext(ctx, "running", "device", id.DeviceID, "server", id.Server, "engine", a.cfg.Engine.Name(), "roots", a.cfg.Roots)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return a.send(ctx, c) })
	group.Go(func() error { return a.poll(ctx, c, id.PollWait) })
	group.Go(func() error { return a.work(ctx) })
	group.Go(func() error { return a.watch(ctx, min(a.interval(id), watchEvery)) })
	group.Go(func() error { return a.autoscan(ctx) })
	group.Go(func() error { return a.keepRealtime(ctx) })
	return group.Wait()
}

// watchEvery is how often the machine is looked at for changes.
const watchEvery = time.Minute

func (a *Agent) watch(ctx context.Context, every time.Duration) error {
	for ctx.Err() == nil {
		if _, err := a.Report(ctx); err != nil {
			return err
		}
		pause(ctx, nil, every)
	}
	return nil
}

// lookEvery is how often the queue is looked at unasked: "avagent scan", another process, puts into it too.
const lookEvery = 5 * time.Second

// send empties the queue, oldest first, one at a time.
func (a *Agent) send(ctx context.Context, c *client.Client) error {
	backoff := client.DefaultBackoff()
	for ctx.Err() == nil {
		var entry outbox.Entry
		var number uint64
		var ok bool
		if err := a.cfg.Dir.View(func(tx *bbolt.Tx) (err error) {
			entry, number, ok, err = outbox.Next(tx)
			return err
		}); err != nil {
			return err
		}
		if !ok {
			pause(ctx, a.toSend, lookEvery)
			continue
		}
		err := c.Send(ctx, entry.Path, entry.Key, entry.Body)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // not a failure: the agent was told to end
		}
		settled, stop := a.settle(number, entry, err)
		if stop != nil {
			return stop
		}
		if settled {
			backoff.Reset()
			continue
		}
		wait := backoff.Next(err)
		a.cfg.Log.WarnContext(ctx, "not delivered", "path", entry.Path, "error", err, "again_in", wait.Round(time.Second))
		pause(ctx, nil, wait)
	}
	return nil
}

// settle draws the conclusion from an attempt to send an entry. settled says that the entry is off the queue.
func (a *Agent) settle(number uint64, entry outbox.Entry, failure error) (settled bool, err error) {
	verdict := client.Judge(failure)
	if verdict == client.Removed {
		return false, a.removed()
	}
	if verdict == client.Rejected {
		a.cfg.Log.Error("the portal will never take this", "path", entry.Path, "error", failure)
	}
	settled = verdict == client.Accepted || verdict == client.Rejected
	return settled, a.cfg.Dir.Update(func(tx *bbolt.Tx) error {
		remove := func(*bbolt.Tx, uint64) error { return nil }
		switch verdict {
		case client.Accepted:
			remove = outbox.Done
		case client.Rejected:
			remove = outbox.Reject
		}
		return errors.Join(remove(tx, number), noteContact(tx, delivery, failure))
	})
}

// Poll's pace: the least time between two polls that brought nothing new, and how often a contact that is well is noted.
const (
	pollGap      = time.Second
	contactEvery = time.Minute
)

// poll asks for commands for ever. It is the heartbeat too.
func (a *Agent) poll(ctx context.Context, c *client.Client, wait time.Duration) error {
	if wait <= 0 {
		wait = wire.DefaultPollWait
	}
	backoff := client.DefaultBackoff()
	var noted time.Time
	for ctx.Err() == nil {
		began := time.Now()
		commands, skew, err := c.Commands(ctx, wait)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // not a failure: the agent was told to end
		}
		if client.Judge(err) == client.Removed {
			return a.removed()
		}
		if err != nil {
			d := backoff.Next(err)
			a.cfg.Log.WarnContext(ctx, "no contact with the portal", "error", err, "again_in", d.Round(time.Second))
			if err := a.cfg.Dir.Update(func(tx *bbolt.Tx) error { return noteContact(tx, polling, err) }); err != nil {
				return err
			}
			noted = time.Time{}
			pause(ctx, nil, d)
			continue
		}
		backoff.Reset()
		added := 0
		if len(commands) > 0 || time.Since(noted) >= contactEvery {
			noted = time.Now()
			if added, err = a.accept(commands, skew); err != nil {
				return err
			}
		}
		// A portal that offers what is known already, or answers at once with nothing, must not be asked in a circle.
		if added == 0 && time.Since(began) < pollGap {
			pause(ctx, nil, pollGap)
		}
	}
	return nil
}

func (a *Agent) accept(commands []wire.Command, skew time.Duration) (added int, err error) {
	err = a.cfg.Dir.Update(func(tx *bbolt.Tx) error {
		if added, err = tasks.Accept(tx, time.Now().UTC(), skew, commands); err != nil {
			return err
		}
		return noteContact(tx, polling, nil)
	})
	if added > 0 {
		wake(a.toDo)
	}
	return added, err
}
