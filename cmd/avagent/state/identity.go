package state

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"avportal/http/agent/wire"
)

// Identity is who the device is to its portal. It stands in a file of its own, apart from the database, because it is
// small, changes hardly ever, and a person may have to look at it.
type Identity struct {
	GUID   string `json:"device_guid"`
	Secret []byte `json:"secret"`
	Server string `json:"server,omitempty"`
	// AllowPlain is a person's consent to unencrypted HTTP with this server.
	AllowPlain bool   `json:"allow_plain_http,omitempty"`
	TID        string `json:"tid,omitempty"`
	Group      string `json:"group,omitempty"`
	// DeviceID is empty until the portal has answered the enrollment.
	DeviceID       string        `json:"device_id,omitempty"`
	EnrolledAt     time.Time     `json:"enrolled_at,omitzero"`
	PollWait       time.Duration `json:"poll_wait,omitempty"`
	ReportInterval time.Duration `json:"report_interval,omitempty"`
	// RemovedAt is when the portal said that the device was removed.
	RemovedAt time.Time `json:"removed_at,omitzero"`
}

// Enrolled reports whether the portal knows the device, as far as the device knows.
func (i Identity) Enrolled() bool { return i.DeviceID != "" && i.RemovedAt.IsZero() }

// Pending reports whether an enrollment was begun whose answer never came.
func (i Identity) Pending() bool { return i.DeviceID == "" && i.Server != "" && i.TID != "" }

// Credential of the device.
func (i Identity) Credential() wire.Credential {
	return wire.Credential{DeviceID: i.DeviceID, Secret: [wire.SecretBytes]byte(i.Secret)}
}

// NewSecret gives the device another secret. Its guid stays.
func (i *Identity) NewSecret() error {
	i.Secret = make([]byte, wire.SecretBytes)
	_, err := rand.Read(i.Secret)
	return err
}

// Identity reads who the device is. The first call makes it, and makes it durable before it returns: an enrollment that
// is sent and then cut off by a crash must be repeated with the same guid and secret.
func (d *Dir) Identity() (Identity, error) {
	path := filepath.Join(d.path, "identity.json")
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return d.newIdentity()
	}
	if err != nil {
		return Identity{}, fmt.Errorf("read identity: %w", err)
	}
	var id Identity
	if err := json.Unmarshal(content, &id); err != nil {
		return Identity{}, fmt.Errorf("%s is damaged (%w); remove it and enroll again", path, err)
	}
	if _, err := uuid.Parse(id.GUID); err != nil || len(id.Secret) != wire.SecretBytes {
		return Identity{}, fmt.Errorf("%s is damaged (no guid or secret); remove it and enroll again", path)
	}
	return id, nil
}

func (d *Dir) newIdentity() (Identity, error) {
	guid, err := uuid.NewRandom()
	if err != nil {
		return Identity{}, fmt.Errorf("make a device guid: %w", err)
	}
	id := Identity{GUID: guid.String()}
	if err := id.NewSecret(); err != nil {
		return Identity{}, fmt.Errorf("make a device secret: %w", err)
	}
	return id, d.SaveIdentity(id)
}

// SaveIdentity replaces the identity: after a crash the file holds the old one or the new one.
func (d *Dir) SaveIdentity(id Identity) error {
	content, err := json.MarshalIndent(id, "", "  ")
	if err != nil {
		return fmt.Errorf("encode identity: %w", err)
	}
	return d.replace("identity.json", append(content, '\n'))
}

func (d *Dir) replace(name string, content []byte) (err error) {
	f, err := os.CreateTemp(d.path, name+".*") // made with mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write %s: %w", name, err), os.Remove(f.Name()))
		}
	}()
	if _, err = f.Write(content); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), filepath.Join(d.path, name)); err != nil {
		return err
	}
	syncDir(d.path)
	return nil
}

// syncDir makes the renaming durable where the system offers that; Windows cannot sync a directory and needs not.
func syncDir(path string) {
	dir, err := os.Open(path)
	if err != nil {
		return
	}
	_ = dir.Sync()
	_ = dir.Close()
}
