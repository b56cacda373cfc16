// Package tasks is the device's durable table of the portal's commands. A command that is in it is executed, even when
// the portal or the power goes away, and never twice to the end.
package tasks

import (
	"time"

	"go.etcd.io/bbolt"

	"avportal/cmd/avagent/state"
	"avportal/http/agent/wire"
)

const bucket = "tasks"

// MaxOpen bounds what waits. What is offered beyond it stays with the portal, which offers it again.
const MaxOpen = 100

// keepFinished is how long after its expiry a finished command is remembered.
const keepFinished = 7 * 24 * time.Hour

// Task is a command and how far it is.
type Task struct {
	Command    wire.Command `json:"command"`
	AcceptedAt time.Time    `json:"accepted_at"`
	// Begun counts the attempts that did not end: more than one means that the agent went down in the middle.
	Begun    int  `json:"begun"`
	Finished bool `json:"finished"`
}

// Accept adds the commands that are new and returns how many were. skew is how far the portal's clock is ahead of ours:
// expiry is the portal's promise, judged by our clock, and the clocks of devices are often wrong.
func Accept(tx *bbolt.Tx, now time.Time, skew time.Duration, commands []wire.Command) (int, error) {
	if err := prune(tx, now); err != nil {
		return 0, err
	}
	open, err := Open(tx)
	if err != nil {
		return 0, err
	}
	added := 0
	for _, c := range commands {
		if c.ID == "" || len(c.ID) > wire.MaxText || len(open)+added >= MaxOpen {
			continue
		}
		var known Task
		if err := state.Get(tx, bucket, c.ID, &known); err != nil {
			return added, err
		}
		if known.Command.ID != "" {
			continue
		}
		if !c.ExpiresAt.IsZero() {
			c.ExpiresAt = c.ExpiresAt.Add(-skew)
		}
		if err := state.Put(tx, bucket, c.ID, Task{Command: c, AcceptedAt: now}); err != nil {
			return added, err
		}
		added++
	}
	return added, nil
}

// Open lists the tasks that are not finished.
func Open(tx *bbolt.Tx) (open []Task, err error) {
	err = state.Each(tx, bucket, func(_ string, t Task) error {
		if !t.Finished {
			open = append(open, t)
		}
		return nil
	})
	return open, err
}

// Next is the task to do: one that was interrupted, else the one that was accepted first.
func Next(tx *bbolt.Tx) (Task, bool, error) {
	open, err := Open(tx)
	if err != nil || len(open) == 0 {
		return Task{}, false, err
	}
	next := open[0]
	for _, t := range open[1:] {
		if before(t, next) {
			next = t
		}
	}
	return next, true, nil
}

func before(a, b Task) bool {
	if (a.Begun > 0) != (b.Begun > 0) {
		return a.Begun > 0
	}
	if !a.AcceptedAt.Equal(b.AcceptedAt) {
		return a.AcceptedAt.Before(b.AcceptedAt)
	}
	return a.Command.RequestedAt.Before(b.Command.RequestedAt)
}

// Begin counts an attempt.
func Begin(tx *bbolt.Tx, t Task) error {
	t.Begun++
	return state.Put(tx, bucket, t.Command.ID, t)
}

// Interrupt leaves a task for the next start of the agent, without blaming the task for it. One that was forgotten in
// the meantime, because the portal removed the device, stays forgotten.
func Interrupt(tx *bbolt.Tx, t Task) error {
	var known Task
	if err := state.Get(tx, bucket, t.Command.ID, &known); err != nil || known.Command.ID == "" {
		return err
	}
	t.Begun = 1
	return state.Put(tx, bucket, t.Command.ID, t)
}

// Finish closes the task. It stays in the table so that a command offered again is known.
func Finish(tx *bbolt.Tx, t Task) error {
	t.Finished = true
	return state.Put(tx, bucket, t.Command.ID, t)
}

// Clear forgets all tasks: the portal has removed the device.
func Clear(tx *bbolt.Tx) error {
	return forget(tx, func(Task) bool { return true })
}

func prune(tx *bbolt.Tx, now time.Time) error {
	return forget(tx, func(t Task) bool {
		last := t.Command.ExpiresAt
		if t.AcceptedAt.After(last) {
			last = t.AcceptedAt
		}
		return t.Finished && now.Sub(last) > keepFinished
	})
}

func forget(tx *bbolt.Tx, which func(Task) bool) error {
	var old []string
	if err := state.Each(tx, bucket, func(id string, t Task) error {
		if which(t) {
			old = append(old, id)
		}
		return nil
	}); err != nil {
		return err
	}
	for _, id := range old {
		if err := state.Delete(tx, bucket, id); err != nil {
			return err
		}
	}
	return nil
}
