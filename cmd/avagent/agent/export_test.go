package agent

import (
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"avportal/cmd/avagent/state"
)

// AutoscanAt makes the last scan of the schedule one of another time.
func (a *Agent) AutoscanAt(t *testing.T, at time.Time) {
	t.Helper()
	if err := a.cfg.Dir.Update(func(tx *bbolt.Tx) error { return state.Put(tx, metaBucket, autoscanKey, at) }); err != nil {
		t.Fatal(err)
	}
}
