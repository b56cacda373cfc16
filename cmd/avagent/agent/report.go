package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"
	"go.etcd.io/bbolt"

	"avportal/cmd/avagent/findings"
	"avportal/cmd/avagent/host"
	"avportal/cmd/avagent/outbox"
	"avportal/cmd/avagent/state"
	"avportal/http/agent/wire"
)

// reported is what the last queued report said.
type reported struct {
	At          time.Time `json:"at"`
	Fingerprint string    `json:"fingerprint"`
}

// infoTime bounds how long a report waits for an engine that hangs.
const infoTime = 10 * time.Second

// observe looks at the machine and the engine. It is slow and must not be called in a transaction.
func (a *Agent) observe(ctx context.Context, server string) (wire.Facts, wire.Guards) {
	facts, guards := host.Facts(ctx, server), host.Guards(ctx)
	facts.ClientVersion, facts.Engine = a.cfg.Version, a.cfg.Engine.Name()
	ctx, cancel := context.WithTimeout(ctx, infoTime)
	defer cancel()
	info, err := a.cfg.Engine.Info(ctx)
	guards[wire.GuardEngine] = err == nil
	facts.EngineVersion, facts.SignatureVersion = info.Version, info.Signatures.Version
	if date := info.Signatures.Date; !date.IsZero() {
		date = date.UTC()
		facts.SignatureDate = &date
	}
	return facts, guards
}

// Report queues a report if there is something to say: a threat came or went, a fact or a guard changed, or the
// interval has passed. It reports whether it did.
func (a *Agent) Report(ctx context.Context) (queued bool, err error) {
	id, err := a.cfg.Dir.Identity()
	if err != nil || !id.Enrolled() {
		return false, err
	}
	facts, guards := a.observe(ctx, id.Server)
	c, err := a.configuration()
	if err != nil {
		return false, err
	}
	if c.Profile != "" {
		guards[wire.GuardAutoscan] = c.Autoscan.Enabled
		if !guards[wire.GuardRealtime] { // no program of the engine does it
			r, err := a.readRealtime()
			if err != nil {
				return false, err
			}
			guards[wire.GuardRealtime] = r.On
		}
	}
	r := wire.Report{Facts: facts, Guards: guards, Applied: &wire.Applied{Profile: c.Profile, Edition: c.Edition}}
	if ctx.Err() != nil {
		return false, nil // what was seen while being stopped says nothing about the machine
	}
	err = a.cfg.Dir.Update(func(tx *bbolt.Tx) error {
		queued, err = queueReports(tx, r, a.interval(id))
		return err
	})
	if queued {
		wake(a.toSend)
	}
	return queued, err
}

// queueReports queues one report, or several if more threats are new than one can hold.
func queueReports(tx *bbolt.Tx, r wire.Report, interval time.Duration) (queued bool, err error) {
	if err := state.Get(tx, metaBucket, "last_scan", &r.LastScan); err != nil {
		return false, err
	}
	var last reported
	if err := state.Get(tx, metaBucket, "reported", &last); err != nil {
		return false, err
	}
	print, err := fingerprint(r)
	if err != nil {
		return false, err
	}
	due, err := dueAgain(tx, last, interval)
	if err != nil {
		return false, err
	}
	for {
		news, err := findings.News(tx)
		if err != nil || (news == 0 && print == last.Fingerprint && !due) {
			return queued, err
		}
		last, due = reported{At: time.Now().UTC(), Fingerprint: print}, false
		r.ID, r.At = ulid.Make().String(), last.At
		if err := queueReport(tx, r); err != nil {
			return queued, err
		}
		if err := state.Put(tx, metaBucket, "reported", last); err != nil {
			return queued, err
		}
		queued = true
	}
}

// dueAgain reports whether silence has lasted long enough. A queue that still holds a report is not silence but an
// outage, in which repeating oneself would only push out what matters.
func dueAgain(tx *bbolt.Tx, last reported, interval time.Duration) (bool, error) {
	if since := time.Since(last.At); since >= 0 && since < interval {
		return false, nil // negative: the clock was put back, and waiting for it to catch up may take years
	}
	queue, err := outbox.Read(tx)
	return queue.ByClass[outbox.Facts]+queue.ByClass[outbox.Threats] == 0, err
}

func queueReport(tx *bbolt.Tx, r wire.Report) error {
	threats, complete, news, err := findings.Tell(tx)
	if err != nil {
		return err
	}
	r.Threats, r.ThreatsComplete = threats, complete
	class := outbox.Facts
	if news > 0 {
		class = outbox.Threats
	}
	r.Clean()
	body, err := state.Encode(r)
	if err != nil {
		return fmt.Errorf("encode report: %w", err)
	}
	return outbox.Put(tx, outbox.Entry{Class: class, Path: wire.ReportsPath, Key: r.ID, Body: body, QueuedAt: r.At})
}

func fingerprint(r wire.Report) (string, error) {
	content, err := state.Encode([]any{r.Facts, r.Guards, r.LastScan, r.Applied})
	if err != nil {
		return "", fmt.Errorf("encode facts: %w", err)
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:]), nil
}
