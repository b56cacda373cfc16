package main

import (
	"testing"
	"time"

	"avportal/cmd/internal/fleet"
)

// A fleet that is larger than what a license lets enroll at once waits for its turn, however short its patience is with a portal
// that does not answer.
func TestALargeFleetWaitsForItsTurn(t *testing.T) {
	d := startDev(t, t.TempDir(), "--no-agent")
	s, err := fleet.Run(t.Context(), fleet.Config{
		URL: d.run.URL, TIDs: []string{d.run.SimulationTID}, Devices: 1006, Span: time.Minute, Interval: time.Hour,
		Start: time.Now().Add(-time.Minute), Connections: 32, Seed: 1, Patience: 500 * time.Millisecond,
	})
	if err != nil || s.Enrolled != 1006 {
		t.Errorf("%d devices are enrolled: %v", s.Enrolled, err)
	}
	d.stop()
}
