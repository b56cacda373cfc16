package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Of answers that are written while they are being found.
const (
	slowReader    = 30 * time.Second // who takes nothing for so long is cut off
	checkAgain    = 5 * time.Second  // a token may have been revoked since
	writtenAtOnce = 64 << 10         // bytes
)

// download is an answer of any length: fill writes it, at the pace of the caller and in little memory. It converts to the answers
// of all operations that stream.
type download struct {
	s      *server
	ctx    context.Context //nolint:containedctx // of the request, which the generated interface does not pass on
	kind   string          // content type
	name   string          // of the file; empty for none
	closed func()          // called at the end, also if nothing could be written; may be nil
	fill   func(ctx context.Context, w *bufio.Writer) error
}

func (d download) VisitExportLicensesResponse(w http.ResponseWriter) error   { return d.write(w) }
func (d download) VisitExportDevicesResponse(w http.ResponseWriter) error    { return d.write(w) }
func (d download) VisitExportActivitiesResponse(w http.ResponseWriter) error { return d.write(w) }
func (d download) VisitReplayEventsResponse(w http.ResponseWriter) error     { return d.write(w) }

// errClosing ends what streams when the portal ends.
var errClosing = errors.New("the portal is closing")

// write answers. What fails before anything was sent becomes a problem; later the connection breaks, so that nobody takes what
// has arrived for the whole.
func (d download) write(w http.ResponseWriter) error {
	if d.closed != nil {
		defer d.closed()
	}
	c := callOf(d.ctx)
	done, ok := d.s.limits.openStream(c.id)
	if !ok {
		return errManyStreams
	}
	defer done()
	ctx, cancel := context.WithCancelCause(d.ctx)
	defer cancel(nil)
	if d.s.Closing != nil {
		go func() {
			select {
			case <-d.s.Closing:
				cancel(errClosing)
			case <-ctx.Done():
			}
		}()
	}
	p := &paced{w: w, control: http.NewResponseController(w), check: func() error { return c.stillAllowed(ctx) }, checked: time.Now(), begin: func() {
		h := w.Header()
		h.Set("Content-Type", d.kind)
		h.Set("X-Accel-Buffering", "no")
		if d.name != "" {
			h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s"`, d.name))
		}
	}}
	_ = p.control.SetReadDeadline(time.Time{}) // the request has been read; nothing more is expected
	out := bufio.NewWriterSize(p, writtenAtOnce)
	err := d.fill(ctx, out)
	if err == nil {
		err = out.Flush()
	}
	if err == nil || !p.begun {
		return err
	}
	if d.ctx.Err() == nil && !errors.Is(err, errClosing) {
		d.s.Log.WarnContext(d.ctx, "download broken off", "request_id", requestID(d.ctx), "route", c.path, "err", err)
	}
	panic(http.ErrAbortHandler)
}

// paced writes within bounds of time, and asks now and then whether the caller still may have it.
type paced struct {
	w       http.ResponseWriter
	control *http.ResponseController
	begin   func()
	check   func() error
	begun   bool
	checked time.Time
}

func (p *paced) Write(b []byte) (int, error) {
	if !p.begun {
		p.begin()
		p.begun = true
	}
	if time.Since(p.checked) > checkAgain {
		if err := p.check(); err != nil {
			return 0, err
		}
		p.checked = time.Now()
	}
	if err := p.control.SetWriteDeadline(time.Now().Add(slowReader)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	n, err := p.w.Write(b)
	if err == nil {
		err = p.control.Flush()
	}
	return n, err
}
