package agent

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"avportal/cmd/avagent/engine"
	"avportal/cmd/avagent/schedule"
	"avportal/cmd/avagent/state"
	"avportal/http/agent/wire"
)

// What the state directory keeps of profiles: the settings in force, and when the last scan of their schedule began.
const (
	configurationKey = "configuration"
	autoscanKey      = "autoscan_at"
)

// configuration are the settings of the portal that are in force; the zero value if there are none.
func (a *Agent) configuration() (c wire.Configuration, err error) {
	err = a.cfg.Dir.View(func(tx *bbolt.Tx) error { return state.Get(tx, metaBucket, configurationKey, &c) })
	return c, err
}

// SettingsLock is the hash of the password that locks the settings of a device, in the PHC form of argon2id; empty if they are open.
func SettingsLock(dir *state.Dir) (hash string, err error) {
	var c wire.Configuration
	err = dir.View(func(tx *bbolt.Tx) error { return state.Get(tx, metaBucket, configurationKey, &c) })
	return c.Lock.PasswordHash, err
}

// apply takes on settings. Those that this device has nothing for are kept, and named in the answer.
func (a *Agent) apply(ctx context.Context, c *wire.Configuration) (wire.CommandResult, error) {
	r := wire.CommandResult{At: time.Now().UTC(), OK: true, Code: wire.ResultDone}
	err := a.cfg.Dir.Update(func(tx *bbolt.Tx) error {
		var before wire.Configuration
		if err := state.Get(tx, metaBucket, configurationKey, &before); err != nil {
			return err
		}
		if before.Autoscan != c.Autoscan { // the new schedule counts from now on
			if err := state.Put(tx, metaBucket, autoscanKey, r.At); err != nil {
				return err
			}
		}
		return state.Put(tx, metaBucket, configurationKey, c)
	})
	if err != nil {
		return r, err
	}
	r.Detail = fmt.Sprintf("edition %d is in force", c.Edition)
	_, guards := a.observe(ctx, "")
	var missing []string
	for _, g := range []struct {
		name string
		on   bool
	}{
		{wire.GuardWeb, c.Protection.Web}, {wire.GuardMail, c.Protection.Mail}, {wire.GuardSpam, c.Protection.Spam},
	} {
		if _, there := guards[g.name]; g.on && !there {
			missing = append(missing, g.name)
		}
	}
	if len(missing) > 0 {
		r.Detail += "; this device does not have: " + strings.Join(missing, ", ")
	}
	if err := a.switchRealtime(ctx, c.Protection.Realtime); err != nil {
		return r, err
	}
	guard, err := a.readRealtime()
	if guard.Problem != "" {
		r.Detail += "; realtime is off: " + guard.Problem
	}
	return r, err
}

// excluded reports whether settings keep a file from being scanned.
func excluded(e wire.Exclusions, path string) bool {
	for _, p := range e.Paths {
		if real, err := resolve(p); err == nil && engine.Within(path, real) {
			return true
		}
	}
	if e.MaxFileMB == 0 {
		return false
	}
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Size() > int64(e.MaxFileMB)<<20
}

// autoscanEvery is how often the schedule is looked at.
const autoscanEvery = 30 * time.Second

// autoscan scans by the schedule of the settings in force. A scan that was missed while the device was off is made up for.
func (a *Agent) autoscan(ctx context.Context) error {
	for ctx.Err() == nil {
		due, c, err := a.autoscanDue(time.Now())
		if err != nil {
			return err
		}
		if due {
			a.scanBySchedule(ctx, c)
		}
		pause(ctx, nil, autoscanEvery)
	}
	return nil
}

// autoscanDue reports whether a scan is due, and notes that it begins.
func (a *Agent) autoscanDue(now time.Time) (due bool, c wire.Configuration, err error) {
	if c, err = a.configuration(); err != nil || !c.Autoscan.Enabled {
		return false, c, err
	}
	err = a.cfg.Dir.Update(func(tx *bbolt.Tx) error {
		var last time.Time
		if err := state.Get(tx, metaBucket, autoscanKey, &last); err != nil {
			return err
		}
		next, ok := schedule.Next(c.Autoscan.Schedule, last.Local())
		if due = ok && !now.Before(next); !due {
			return nil
		}
		return state.Put(tx, metaBucket, autoscanKey, now.UTC())
	})
	return due, c, err
}

func (a *Agent) scanBySchedule(ctx context.Context, c wire.Configuration) {
	profile, paths := c.Autoscan.Scan, []string(nil)
	for _, own := range c.ScanProfiles {
		if own.ID == profile {
			profile, paths = wire.ProfilePath, own.Paths
		}
	}
	resolved, err := a.resolveAll(profile, paths)
	if err == nil {
		if bad := a.outside(profile, resolved); bad != "" {
			err = fmt.Errorf("%s is not within the roots that may be scanned on this device", bad)
		}
	}
	if err == nil {
		_, _, err = a.Scan(ctx, profile, paths)
	}
	if err != nil && ctx.Err() == nil {
		a.cfg.Log.WarnContext(ctx, "the scheduled scan failed", "scan", c.Autoscan.Scan, "error", err)
	}
}
