package agent

import (
	"errors"
	"time"

	"go.etcd.io/bbolt"

	"avportal/cmd/avagent/findings"
	"avportal/cmd/avagent/outbox"
	"avportal/cmd/avagent/state"
	"avportal/cmd/avagent/tasks"
	"avportal/http/agent/wire"
)

// Status is what an agent can say about itself without the portal.
type Status struct {
	StateDir   string    `json:"state_dir"`
	Running    bool      `json:"running"`
	Enrollment string    `json:"enrollment"` // "none", "pending", "enrolled" or "removed"
	Server     string    `json:"server,omitempty"`
	DeviceID   string    `json:"device_id,omitempty"`
	DeviceGUID string    `json:"device_guid"`
	EnrolledAt time.Time `json:"enrolled_at,omitzero"`

	LastContact time.Time `json:"last_contact,omitzero"`
	Problem     string    `json:"problem,omitempty"`

	Queue       outbox.Stats  `json:"queue"`
	OpenTasks   int           `json:"open_commands"`
	OpenThreats []wire.Threat `json:"open_threats"`
	LastScan    *wire.Scan    `json:"last_scan,omitempty"`
	Realtime    Realtime      `json:"realtime"`
}

// ReadStatus reads the state directory, whether an agent runs on it or not.
func ReadStatus(dir *state.Dir) (Status, error) {
	id, err := dir.Identity()
	if err != nil {
		return Status{}, err
	}
	s := Status{
		StateDir: dir.Path(), Enrollment: "none", Server: id.Server, DeviceID: id.DeviceID, DeviceGUID: id.GUID, EnrolledAt: id.EnrolledAt,
	}
	switch {
	case !id.RemovedAt.IsZero():
		s.Enrollment = "removed"
	case id.Enrolled():
		s.Enrollment = "enrolled"
	case id.Pending():
		s.Enrollment = "pending"
	}
	release, err := dir.Lock()
	if s.Running = errors.Is(err, state.ErrRunning); err == nil {
		err = release()
	}
	if err != nil && !s.Running {
		return s, err
	}
	return s, dir.View(s.read)
}

func (s *Status) read(tx *bbolt.Tx) (err error) {
	for _, dealing := range []string{polling, delivery} {
		var c contact
		if err := state.Get(tx, metaBucket, dealing, &c); err != nil {
			return err
		}
		if c.Last.After(s.LastContact) {
			s.LastContact = c.Last
		}
		if c.Problem != "" {
			s.Problem = dealing + ": " + c.Problem
		}
	}
	if s.Queue, err = outbox.Read(tx); err != nil {
		return err
	}
	open, err := tasks.Open(tx)
	if err != nil {
		return err
	}
	s.OpenTasks = len(open)
	if s.OpenThreats, err = findings.Open(tx); err != nil {
		return err
	}
	if err := state.Get(tx, metaBucket, realtimeKey, &s.Realtime); err != nil {
		return err
	}
	return state.Get(tx, metaBucket, "last_scan", &s.LastScan)
}
