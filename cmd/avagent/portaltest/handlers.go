package portaltest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"avportal/http/agent/wire"
)

func (p *Portal) handle(w http.ResponseWriter, r *http.Request, body []byte) {
	if r.URL.Path == wire.EnrollPath {
		p.enroll(w, body)
		return
	}
	credential, err := wire.ParseCredential(r.Header.Get("Authorization"))
	p.mu.Lock()
	device, ok := p.Devices[credential.DeviceID]
	p.mu.Unlock()
	if err != nil || !ok || device.SecretHash != wire.HashSecret(credential.Secret) {
		refuse(w, http.StatusUnauthorized, wire.CodeUnauthorized)
		return
	}
	id, what, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, wire.CommandsPath+"/"), "/")
	switch {
	case r.Method == http.MethodGet && r.URL.Path == wire.CommandsPath:
		p.poll(w, r)
	case r.URL.Path == wire.ReportsPath:
		p.report(w, r, body)
	case what == "started":
		once(p, w, body, id+"/started", func(s wire.CommandStarted) { p.Started[id] = s })
	case what == "result":
		once(p, w, body, id+"/result", func(s wire.CommandResult) {
			p.Results[id] = s
			p.learn(s.Threats)
		})
	default:
		p.broke("unknown call %s %s", r.Method, r.URL.Path)
		refuse(w, http.StatusNotFound, wire.CodeUnknownCommand)
	}
}

func (p *Portal) enroll(w http.ResponseWriter, body []byte) {
	var req wire.EnrollRequest
	if !p.decode(w, body, &req) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.changed.Broadcast()
	if req.TID != TID {
		refuse(w, http.StatusForbidden, wire.CodeUnknownTID)
		return
	}
	id, known := p.ids[req.DeviceGUID]
	if known && p.Devices[id].SecretHash != req.SecretHash {
		refuse(w, http.StatusConflict, wire.CodeGUIDConflict)
		return
	}
	if !known {
		id = fmt.Sprintf("device-%d", len(p.Devices)+1)
		p.ids[req.DeviceGUID], p.Devices[id] = id, req
	}
	reply(w, http.StatusCreated, wire.Enrolled{DeviceID: id, PollWaitSeconds: p.PollWaitSeconds, ReportIntervalSeconds: p.ReportIntervalSeconds})
}

func (p *Portal) poll(w http.ResponseWriter, r *http.Request) {
	wait, err := time.ParseDuration(r.URL.Query().Get("wait"))
	if err != nil || wait <= 0 || wait > wire.MaxPollWait {
		p.broke("wait=%q", r.URL.Query().Get("wait"))
	}
	until := time.Now().Add(wait)
	timer := time.AfterFunc(wait, p.changed.Broadcast)
	defer timer.Stop()
	stop := func() bool { return r.Context().Err() != nil || !time.Now().Before(until) }
	defer context.AfterFunc(r.Context(), p.changed.Broadcast)()
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		var open []wire.Command
		for _, c := range p.Offered {
			_, started := p.Started[c.ID]
			_, ended := p.Results[c.ID]
			if !started && !ended {
				open = append(open, c)
			}
		}
		if len(open) > 0 {
			reply(w, http.StatusOK, wire.Commands{Commands: open})
			return
		}
		if stop() {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		p.changed.Wait()
	}
}

func (p *Portal) report(w http.ResponseWriter, r *http.Request, body []byte) {
	var report wire.Report
	if !p.decode(w, body, &report) {
		return
	}
	if r.Header.Get(wire.HeaderIdempotencyKey) != report.ID || report.ID == "" {
		p.broke("report %q with key %q", report.ID, r.Header.Get(wire.HeaderIdempotencyKey))
	}
	if again := report; again.Clean() != 0 {
		p.broke("report outside the limits: %s", body)
	}
	once(p, w, body, report.ID, func(r wire.Report) {
		p.Reports = append(p.Reports, r)
		p.learn(r.Threats)
		if !r.ThreatsComplete {
			return
		}
		for id := range p.Open {
			if !slices.ContainsFunc(r.Threats, func(t wire.Threat) bool { return t.ID == id }) {
				delete(p.Open, id)
			}
		}
	})
}

// once applies what came the first time, and answers every time. Another content under the same id breaks the contract.
func once[T any](p *Portal, w http.ResponseWriter, body []byte, key string, apply func(T)) {
	var value T
	if !p.decode(w, body, &value) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.changed.Broadcast()
	if before, known := p.bodies[key]; !known {
		p.bodies[key] = body
		apply(value)
	} else if !bytes.Equal(before, body) {
		p.Broken = append(p.Broken, fmt.Sprintf("%s came again with another content:\n%s\n%s", key, before, body))
	}
	w.WriteHeader(http.StatusNoContent)
}

func (p *Portal) learn(threats []wire.Threat) {
	for _, t := range threats {
		if t.Resolved {
			delete(p.Open, t.ID)
		} else {
			p.Open[t.ID] = t
		}
	}
}

func (p *Portal) decode(w http.ResponseWriter, body []byte, into any) bool {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		p.broke("body %q: %v", body, err)
		refuse(w, http.StatusBadRequest, wire.CodeInvalidRequest)
		return false
	}
	return true
}

func (p *Portal) broke(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Broken = append(p.Broken, fmt.Sprintf(format, args...))
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", wire.ContentTypeProblem)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(wire.Problem{Title: code, Status: status, Code: code})
}

func reply(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", wire.ContentTypeJSON)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}
