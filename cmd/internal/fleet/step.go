package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"avportal/http/agent/wire"
)

// step is one contact of a device: its enrollment if need be, what it has been asked to do, and its report.
func (f *Fleet) step(ctx context.Context, d *device) error {
	now := f.cfg.Start.Add(d.due)
	if !d.known {
		if err := f.enroll(ctx, d); err != nil || d.gone {
			return err
		}
	}
	d.live(now, f.cfg.Threats)
	if d.rnd.IntN(4) == 0 {
		if err := f.obey(ctx, d, now); err != nil || d.gone {
			return err
		}
	}
	r := d.report(now)
	status, _, err := f.call(ctx, d, http.MethodPost, wire.ReportsPath, r, r.ID, nil)
	if err != nil || !f.accepted(d, status) {
		return err
	}
	f.reports.Add(1)
	for _, t := range r.Threats {
		if t.Resolved {
			f.resolved.Add(1)
		} else if t.FoundAt.Equal(now.UTC()) {
			f.threats.Add(1)
		}
	}
	d.shut = nil
	if f.cfg.Reported != nil {
		f.cfg.Reported(d.cred.DeviceID, r)
	}
	return nil
}

func (f *Fleet) enroll(ctx context.Context, d *device) error {
	var answer wire.Enrolled
	request := wire.EnrollRequest{TID: d.tid, DeviceGUID: d.guid, SecretHash: wire.HashSecret(d.cred.Secret), Facts: d.facts}
	status, problem, err := f.call(ctx, nil, http.MethodPost, wire.EnrollPath, request, d.guid, &answer)
	switch {
	case err != nil:
		return err
	case status == http.StatusCreated:
		d.known, d.cred.DeviceID = true, answer.DeviceID
		f.enrolled.Add(1)
		if f.cfg.Enrolled != nil {
			f.cfg.Enrolled(d.guid, answer.DeviceID)
		}
		return nil
	case problem.Code == wire.CodeNoSeats, problem.Code == wire.CodeLicenseExpired:
		f.refused.Add(1)
		d.gone = true
		return nil
	}
	return fmt.Errorf("enroll: %d %s: %s", status, problem.Code, problem.Detail)
}

// obey asks for commands without waiting, and carries them out at once.
func (f *Fleet) obey(ctx context.Context, d *device, now time.Time) error {
	var answer wire.Commands
	status, _, err := f.call(ctx, d, http.MethodGet, wire.CommandsPath+"?wait=0s", nil, "", &answer)
	if err != nil || !f.accepted(d, status) {
		return err
	}
	for _, c := range answer.Commands {
		started := wire.CommandStarted{At: now.UTC()}
		if status, _, err = f.call(ctx, d, http.MethodPost, wire.StartedPath(c.ID), started, c.ID, nil); err != nil || !f.accepted(d, status) {
			return err
		}
		result := wire.CommandResult{At: now.UTC(), OK: true, Code: wire.ResultDone, Detail: "simulated"}
		if c.Kind == wire.KindScan {
			d.scan = &wire.Scan{CommandID: c.ID, Profile: c.Profile, StartedAt: now.UTC(), FinishedAt: now.UTC(), Outcome: wire.OutcomeCompleted, Files: 1000}
			result.Scan = d.scan
		} else {
			result.SignatureVersion, result.SignatureDate = d.facts.SignatureVersion, d.facts.SignatureDate
		}
		if status, _, err = f.call(ctx, d, http.MethodPost, wire.ResultPath(c.ID), result, c.ID, nil); err != nil || !f.accepted(d, status) {
			return err
		}
		f.commands.Add(1)
	}
	return nil
}

// accepted sorts final answers: a device that was removed or whose license has expired falls silent.
func (f *Fleet) accepted(d *device, status int) bool {
	if status < 300 {
		return true
	}
	f.refused.Add(1)
	d.gone = d.gone || status == http.StatusGone || status == http.StatusUnauthorized
	return false
}

// call sends a request until it gets a final answer: like a real device it repeats what was not answered, with the
// very same content.
func (f *Fleet) call(ctx context.Context, d *device, method, path string, body any, key string, answer any) (int, wire.Problem, error) {
	var payload []byte
	if body != nil {
		var err error
		if payload, err = json.Marshal(body); err != nil {
			return 0, wire.Problem{}, err
		}
	}
	giveUp := time.Now().Add(f.cfg.Patience)
	for try := 1; ; try++ {
		began := time.Now()
		status, after, problem, err := f.send(ctx, d, method, path, payload, key, answer)
		if err == nil && status != http.StatusTooManyRequests && status < 500 {
			f.took.add(time.Since(began))
			return status, problem, nil
		}
		if err == nil {
			err = fmt.Errorf("%s %s: %d %s: %s", method, path, status, problem.Code, problem.Detail)
		}
		if status == http.StatusTooManyRequests { // it is there, and says when to come again
			giveUp = time.Now().Add(f.cfg.Patience)
		}
		if ctx.Err() != nil {
			return 0, wire.Problem{}, ctx.Err()
		}
		if time.Now().After(giveUp) {
			return 0, wire.Problem{}, err
		}
		f.repeated.Add(1)
		pause := max(after, rand.N(min(50*time.Millisecond<<min(try, 5), time.Second)))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return 0, wire.Problem{}, ctx.Err()
		}
	}
}

func (f *Fleet) send(ctx context.Context, d *device, method, path string, payload []byte, key string, answer any) (status int, after time.Duration, problem wire.Problem, err error) {
	rq, err := http.NewRequestWithContext(ctx, method, f.cfg.URL+path, bytes.NewReader(payload))
	if err != nil {
		return 0, 0, problem, err
	}
	if payload != nil {
		rq.Header.Set("Content-Type", wire.ContentTypeJSON)
	}
	if key != "" {
		rq.Header.Set(wire.HeaderIdempotencyKey, key)
	}
	if d != nil {
		rq.Header.Set("Authorization", d.cred.Header())
	}
	rs, err := f.http.Do(rq)
	if err != nil {
		return 0, 0, problem, err
	}
	defer rs.Body.Close()
	content, err := io.ReadAll(io.LimitReader(rs.Body, wire.MaxBodyBytes))
	if err != nil {
		return 0, 0, problem, err
	}
	if seconds, e := strconv.Atoi(rs.Header.Get(wire.HeaderRetryAfter)); e == nil {
		after = time.Duration(seconds) * time.Second
	}
	switch {
	case rs.StatusCode >= 400:
		if json.Unmarshal(content, &problem) != nil { // a proxy's page, say
			problem.Detail = http.StatusText(rs.StatusCode)
		}
	case answer != nil && len(content) > 0:
		err = json.Unmarshal(content, answer)
	}
	return rs.StatusCode, after, problem, err
}
