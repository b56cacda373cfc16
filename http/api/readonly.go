package api

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/gorilla/mux"
	"rsc.io/qr"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/user"
	"avportal/eventstore"
)

// admittedByLink lets whoever has the secret of a read-only link read what the member who opened it sees. Like every stranger
// he pays from the budget of his address, before the secret is looked up. A secret that is good for nothing answers like an
// address that there is not.
func (s *server) admittedByLink(r *http.Request, e *endpoint) (*call, error) {
	if !allow(s.limits.addresses, addressOf(r), s.limits.strangers, strangerBurst) {
		return nil, errRateLimited
	}
	reader, err := commands.FindLink(r.Context(), s.Commands, mux.Vars(r)["secret"])
	if err != nil {
		return nil, err
	}
	query, err := checkQuery(r.URL.RawQuery, e)
	if err != nil {
		return nil, err
	}
	if err := s.validate(r, e, query); err != nil {
		return nil, err
	}
	return newCall(r, e, caller{actor: reader}, s.Now(), nil)
}

// GetReadonlyDashboard is the dashboard for who has the link.
func (s *server) GetReadonlyDashboard(ctx context.Context, r GetReadonlyDashboardRequestObject) (GetReadonlyDashboardResponseObject, error) {
	a, err := s.GetDashboard(ctx, GetDashboardRequestObject{Params: GetDashboardParams{Entries: r.Params.Entries}})
	if err != nil {
		return nil, err
	}
	shown := a.(GetDashboard200JSONResponse) // the only answer there is
	return GetReadonlyDashboard200JSONResponse{shown.Body, GetReadonlyDashboard200ResponseHeaders{
		PortalPosition: shown.Headers.PortalPosition, XRobotsTag: "noindex, nofollow",
	}}, nil
}

// linkPath is where the pages show what a link opens. The secret stands behind the #, so that no server, proxy or log on the way
// sees it.
const linkPath = "/readonly#"

// GetReadonlyQr draws the link, for a phone to read it from the screen.
func (s *server) GetReadonlyQr(ctx context.Context, r GetReadonlyQrRequestObject) (GetReadonlyQrResponseObject, error) {
	code, err := qr.Encode(callOf(ctx).origin+linkPath+r.Secret, qr.M)
	if err != nil {
		return nil, err
	}
	if r.Params.Format != nil && *r.Params.Format == "png" {
		image := code.PNG()
		return GetReadonlyQr200ImagepngResponse{Body: bytes.NewReader(image), ContentLength: int64(len(image))}, nil
	}
	image := svgOf(code)
	return GetReadonlyQr200ImagesvgXmlResponse{Body: strings.NewReader(image), ContentLength: int64(len(image))}, nil
}

// quiet is the white space that belongs around a code.
const quiet = 4

// svgOf draws one path, row by row.
func svgOf(code *qr.Code) string {
	var b strings.Builder
	side := code.Size + 2*quiet
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges"><rect width="100%%" height="100%%" fill="#fff"/><path d="`, side, side)
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			run := 0
			for code.Black(x+run, y) { // beyond the edge it is white
				run++
			}
			if run > 0 {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, run, run)
				x += run
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return b.String()
}

// ActivateReadonlyLink opens read-only access, or gives it another secret.
func (s *server) ActivateReadonlyLink(ctx context.Context, _ ActivateReadonlyLinkRequestObject) (ActivateReadonlyLinkResponseObject, error) {
	c, id, err := s.self(ctx)
	if err != nil {
		return nil, err
	}
	secret, res, err := commands.ActivateLink(ctx, s.Commands, c.request(), c.actor.Tenant, id)
	if err != nil {
		return nil, err
	}
	return ActivateReadonlyLink200JSONResponse{
		ReadonlyLink{Secret: secret, Url: c.origin + linkPath + secret}, ActivateReadonlyLink200ResponseHeaders{PortalPosition: position(res.Position)},
	}, nil
}

// DeactivateReadonlyLink closes read-only access.
func (s *server) DeactivateReadonlyLink(ctx context.Context, _ DeactivateReadonlyLinkRequestObject) (DeactivateReadonlyLinkResponseObject, error) {
	c, id, err := s.self(ctx)
	if err != nil {
		return nil, err
	}
	res, err := commands.DeactivateLink(ctx, s.Commands, c.request(), user.DeactivateLink{Tenant: c.actor.Tenant, User: id, At: c.at})
	if err != nil {
		return nil, err
	}
	body, h := changed(id, res)
	return DeactivateReadonlyLink200JSONResponse{body, DeactivateReadonlyLink200ResponseHeaders(h)}, nil
}

// self is the caller as a member.
func (s *server) self(ctx context.Context) (*call, domain.UserID, error) {
	c := callOf(ctx)
	id := domain.UserID(c.actor.ID)
	return c, id, s.inspectUser(ctx, id, func(user.State, eventstore.Revision) {})
}

// originOf is the portal's address as the caller has it, for links that are given to him.
func originOf(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}
