package tasks

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"avportal/cmd/avagent/state"
	"avportal/http/agent/wire"
)

func inTx(t *testing.T, dir *state.Dir, fn func(tx *bbolt.Tx) error) {
	t.Helper()
	if err := dir.Update(fn); err != nil {
		t.Fatal(err)
	}
}

func TestACommandIsAcceptedOnceAndRememberedWhenFinished(t *testing.T) {
	dir, err := state.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	c := wire.Command{ID: "c1", Kind: wire.KindUpdate, ExpiresAt: now.Add(time.Hour)}
	accept := func(at time.Time, commands ...wire.Command) (n int) {
		inTx(t, dir, func(tx *bbolt.Tx) (err error) {
			n, err = Accept(tx, at, 0, commands)
			return err
		})
		return n
	}
	if n := accept(now, c, c, wire.Command{}, wire.Command{ID: strings.Repeat("x", wire.MaxText+1)}); n != 1 {
		t.Fatalf("%d accepted, want 1", n)
	}
	inTx(t, dir, func(tx *bbolt.Tx) error {
		task, ok, err := Next(tx)
		if !ok || task.Command.ID != "c1" {
			t.Errorf("Next = %+v, %v", task, ok)
		}
		return errors.Join(err, Begin(tx, task), Finish(tx, task))
	})
	if n := accept(now, c); n != 0 {
		t.Fatal("a finished command was accepted again")
	}
	inTx(t, dir, func(tx *bbolt.Tx) error {
		if task, ok, _ := Next(tx); ok {
			t.Errorf("something left to do: %+v", task)
		}
		return nil
	})
	if n := accept(now.Add(keepFinished+2*time.Hour), c); n != 1 {
		t.Fatal("a finished command was remembered past its time")
	}
}

func TestExpiryIsJudgedByThePortalsClock(t *testing.T) {
	dir, err := state.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	inTx(t, dir, func(tx *bbolt.Tx) error {
		_, err := Accept(tx, now, -24*time.Hour, []wire.Command{{ID: "c", ExpiresAt: now.Add(-23 * time.Hour)}})
		task, _, nextErr := Next(tx)
		if !task.Command.ExpiresAt.After(now) {
			t.Errorf("our clock is a day ahead; expires %v, now %v", task.Command.ExpiresAt, now)
		}
		return errors.Join(err, nextErr)
	})
}

func TestTheTableIsBoundedAndTheInterruptedComeFirst(t *testing.T) {
	dir, err := state.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	var offered []wire.Command
	for i := range MaxOpen + 20 {
		offered = append(offered, wire.Command{ID: fmt.Sprintf("c%03d", i), RequestedAt: now.Add(time.Duration(-i) * time.Second), ExpiresAt: now.Add(time.Hour)})
	}
	inTx(t, dir, func(tx *bbolt.Tx) error {
		n, err := Accept(tx, now, 0, offered)
		if n != MaxOpen {
			t.Errorf("%d accepted, want %d", n, MaxOpen)
		}
		oldest, _, nextErr := Next(tx)
		if oldest.Command.ID != "c099" {
			t.Errorf("next is %s, want the one requested first", oldest.Command.ID)
		}
		var begun Task
		getErr := state.Get(tx, bucket, "c005", &begun)
		return errors.Join(err, nextErr, getErr, Begin(tx, begun))
	})
	inTx(t, dir, func(tx *bbolt.Tx) error {
		next, _, err := Next(tx)
		if next.Command.ID != "c005" || next.Begun != 1 {
			t.Errorf("next is %+v, want the interrupted one", next)
		}
		clearErr := Clear(tx)
		interruptErr := Interrupt(tx, next)
		if left, ok, _ := Next(tx); ok {
			t.Errorf("after Clear there is %+v", left)
		}
		return errors.Join(err, clearErr, interruptErr)
	})
}
