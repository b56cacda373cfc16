package agent

import (
	"context"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/device"
	"avportal/eventstore"
	"avportal/http/agent/wire"
)

// poll hands out what the device has been asked to do and has not begun, and otherwise waits until there is something.
func (s *server) poll(ctx context.Context, c caller, w http.ResponseWriter, r *http.Request) error {
	wait := wire.DefaultPollWait
	if asked := r.URL.Query().Get("wait"); asked != "" {
		d, err := time.ParseDuration(asked)
		if err != nil || d < 0 {
			return errBody.With("wait is a duration such as 25s.")
		}
		wait = min(d, wire.MaxPollWait)
	}
	changed, stop := s.Commands.Watch(device.Stream(c.tenant, c.device))
	defer stop()
	end := time.NewTimer(wait)
	defer end.Stop()
	look := commands.Inspect[device.State] // first with a look at the store, as another process may have recorded something
	for {
		offered, err := s.offer(ctx, c, look)
		if err != nil {
			return err
		}
		if len(offered) > 0 {
			return answer(w, http.StatusOK, wire.Commands{Commands: offered})
		}
		select {
		case <-changed:
			look = commands.Peek[device.State]
			c.now = s.Now()
			continue
		case <-end.C:
		case <-s.Closing:
		case <-ctx.Done():
			return ctx.Err()
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
}

type lookAt func(context.Context, *commands.Handler, domain.Stream, func(device.State, eventstore.Revision)) error

// offer lists what the device has not begun yet, and records that it was handed out.
func (s *server) offer(ctx context.Context, c caller, look lookAt) ([]wire.Command, error) {
	var pending []device.Pending
	var removed bool
	err := look(ctx, s.Commands, device.Stream(c.tenant, c.device), func(st device.State, _ eventstore.Revision) {
		pending, removed = st.Pending(), st.Removed() || !st.Exists()
	})
	if err != nil {
		return nil, err
	}
	if removed {
		return nil, device.ErrRemoved
	}
	var offered []wire.Command
	for _, p := range pending {
		if p.State == device.Running || !c.now.Before(p.ExpiresAt) {
			continue
		}
		if p.Kind == device.FetchLog { // the customer may have changed his mind since
			if consented, err := commands.LogConsent(ctx, s.Commands, c.tenant, c.device); err != nil {
				return nil, err
			} else if !consented {
				continue
			}
		}
		if p.State != device.Waiting {
			id, rq, err := requestOf(c, string(p.ID), "sent")
			if err != nil {
				return nil, err
			}
			if _, err := commands.Do[device.State](ctx, s.Commands, rq, device.MarkSent{Tenant: c.tenant, Device: c.device, Request: id, At: c.now}); err != nil {
				return nil, err
			}
		}
		command, err := s.commandOf(ctx, c, p)
		if err != nil {
			return nil, err
		}
		offered = append(offered, command)
	}
	return offered, nil
}

// commandOf is a request as the device understands it: of an own scan, it need only know the paths.
func (s *server) commandOf(ctx context.Context, c caller, p device.Pending) (command wire.Command, err error) {
	command = wire.Command{
		ID: string(p.ID), Kind: string(p.Kind), Profile: string(p.Profile), Paths: p.Paths, RequestedAt: p.RequestedAt, ExpiresAt: p.ExpiresAt,
	}
	switch {
	case p.Profile == device.ProfileOwn:
		command.Profile = wire.ProfilePath
	case p.Kind == device.ApplyProfile:
		command.Configuration, err = s.configuration(ctx, c.tenant, p.Configuration)
	}
	return command, err
}

// started notes that the device has begun.
func (s *server) started(ctx context.Context, c caller, w http.ResponseWriter, r *http.Request) error {
	var body wire.CommandStarted
	if _, err := decode(w, r, &body); err != nil {
		return err
	}
	id, rq, err := requestOf(c, mux.Vars(r)["id"], "started")
	if err != nil {
		return err
	}
	if _, err := commands.Do[device.State](ctx, s.Commands, rq, device.MarkStarted{Tenant: c.tenant, Device: c.device, Request: id, At: at(body.At, c.now)}); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// result notes how it ended, with what a scan has found.
func (s *server) result(ctx context.Context, c caller, w http.ResponseWriter, r *http.Request) error {
	var body wire.CommandResult
	if _, err := decode(w, r, &body); err != nil {
		return err
	}
	body.Clean()
	id, rq, err := requestOf(c, mux.Vars(r)["id"], "result")
	if err != nil {
		return err
	}
	complete := device.Complete{
		Tenant: c.tenant, Device: c.device, Request: id, OK: body.OK, Code: body.Code, Detail: body.Detail,
		Threats: threats(body.Threats), SignatureVersion: body.SignatureVersion, At: at(body.At, c.now),
	}
	if body.SignatureDate != nil {
		complete.SignatureDate = *body.SignatureDate
	}
	if body.Scan != nil {
		complete.Scan = device.ScanResult{Files: body.Scan.Files, Infected: body.Scan.Infected, Errors: body.Scan.Errors}
	}
	if body.Log != nil {
		if err := s.keepLog(ctx, c, &complete, body.Log); err != nil {
			return err
		}
	}
	if _, err := commands.Do[device.State](ctx, s.Commands, rq, complete); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
