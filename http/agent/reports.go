package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/device"
	"avportal/http/agent/wire"
)

// report takes what a device says of itself: threats and guards to its history, facts to its telemetry. A report that
// says nothing new leaves nothing behind but that the device was seen.
func (s *server) report(ctx context.Context, c caller, w http.ResponseWriter, r *http.Request) error {
	var body wire.Report
	raw, err := decode(w, r, &body)
	if err != nil {
		return err
	}
	body.Clean()
	if body.ID == "" {
		return errBody.At("/id").With("A report needs an id.")
	}
	rq := c.request()
	rq.ID = uuid.NewSHA1(uuid.NameSpaceOID, []byte(string(c.device)+" report "+body.ID))
	rq.Fingerprint = fingerprint(raw)
	done, err := commands.Do[device.State](ctx, s.Commands, rq, device.Report{
		Tenant: c.tenant, Device: c.device, Threats: threats(body.Threats), Complete: body.ThreatsComplete, Guards: guards(body.Guards),
		Applied: applied(body.Applied), At: c.now,
	})
	if err != nil {
		return err
	}
	telling := rq.Derive("facts")
	telling.Since = done.AsOf
	_, err = commands.Do[device.Telemetry](ctx, s.Commands, telling, device.Observe{
		Tenant: c.tenant, Device: c.device, Facts: facts(body.Facts), LastScan: lastScan(body.LastScan), Prompted: prompted(body), At: at(body.At, c.now),
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// prompted reports whether people wait for these facts: the device has just done what the portal asked for.
func prompted(r wire.Report) bool {
	return r.LastScan != nil && r.LastScan.CommandID != "" && r.At.Sub(r.LastScan.FinishedAt) < time.Hour
}

func fingerprint(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:16])
}

func facts(f wire.Facts) device.Facts {
	out := device.Facts{
		Hostname: f.Hostname, OS: f.OS, OSVersion: f.OSVersion, Arch: f.Arch, IP: f.IP, Domain: f.Domain, ClientVersion: f.ClientVersion,
		Engine: f.Engine, EngineVersion: f.EngineVersion, SignatureVersion: f.SignatureVersion,
	}
	if f.SignatureDate != nil {
		out.SignatureDate = *f.SignatureDate
	}
	return out
}

func applied(a *wire.Applied) *device.Configuration {
	if a == nil {
		return nil
	}
	return &device.Configuration{Profile: domain.ProfileID(a.Profile), Edition: a.Edition}
}

func threats(list []wire.Threat) []device.Threat {
	out := make([]device.Threat, len(list))
	for i, t := range list {
		out[i] = device.Threat{ID: t.ID, Name: t.Name, Path: t.Path, Action: t.Action, FoundAt: t.FoundAt, Resolved: t.Resolved}
		if t.ResolvedAt != nil {
			out[i].ResolvedAt = *t.ResolvedAt
		}
	}
	return out
}

func guards(g wire.Guards) device.Guards {
	one := func(name string) device.Guard {
		on, there := g[name]
		switch {
		case !there:
			return device.Absent
		case on:
			return device.On
		}
		return device.Off
	}
	return device.Guards{
		Engine: one(wire.GuardEngine), Realtime: one(wire.GuardRealtime), Mail: one(wire.GuardMail),
		Web: one(wire.GuardWeb), Spam: one(wire.GuardSpam), Autoscan: one(wire.GuardAutoscan),
	}
}

func lastScan(s *wire.Scan) device.LastScan {
	if s == nil {
		return device.LastScan{}
	}
	return device.LastScan{FinishedAt: s.FinishedAt, Profile: s.Profile, Outcome: s.Outcome, Files: s.Files, Infected: s.Infected, Errors: s.Errors}
}

// requestOf is the portal's request that a path names, and the command that the device sends about it: part of the
// activity that the request began, since both have one id.
func requestOf(c caller, id, what string) (device.RequestID, commands.Request, error) {
	activity, err := uuid.Parse(id)
	if err != nil {
		return "", commands.Request{}, device.ErrUnknownRequest
	}
	rq := c.request()
	rq.ID = uuid.NewSHA1(activity, []byte(what+" by "+string(c.device)))
	rq.Correlation = activity
	return device.RequestID(id), rq, nil
}

// at trusts a device's clock only as far as it is not ahead of ours.
func at(told, now time.Time) time.Time {
	if told.IsZero() || told.After(now) {
		return now
	}
	return domain.Instant(told)
}
