package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"avportal/http/history"
)

// errIncomplete says that a history ended before its end.
var errIncomplete = errors.New("the history broke off before its end")

// lines reads a history. Where a connection breaks it goes on behind the last event that has come; a portal that refuses ends it.
func (s *auditSource) lines(ctx context.Context) (iter.Seq2[history.Line, error], error) {
	token, err := s.parse()
	if err != nil {
		return nil, err
	}
	if s.file != "" {
		return s.fromFile(), nil
	}
	return func(yield func(history.Line, error) bool) {
		const tries = 5 // without an event between them
		for failed := 0; ; {
			end, err := s.fromPortal(ctx, token, func(l history.Line) bool {
				failed = 0
				s.span.After = l.Position
				return l.Beat || l.CaughtUp || yield(l, nil)
			})
			var refused refusal
			failed++
			switch {
			case end:
				return
			case errors.As(err, &refused) || failed == tries || ctx.Err() != nil:
				yield(history.Line{}, err)
				return
			}
			select {
			case <-ctx.Done():
			case <-time.After(time.Duration(failed) * 500 * time.Millisecond):
			}
		}
	}, nil
}

// refusal is an answer that repeating would not change.
type refusal struct{ text string }

func (r refusal) Error() string { return "the portal refuses: " + r.text }

// fromPortal reads over one connection. It reports whether there is nothing more to read, because the end has come or because
// take has had enough.
func (s *auditSource) fromPortal(ctx context.Context, token string, take func(history.Line) bool) (end bool, err error) {
	q := url.Values{}
	if !s.span.After.IsZero() {
		q.Set("after", s.span.After.String())
	}
	for name, t := range map[string]time.Time{"from": s.span.From, "to": s.span.To} {
		if !t.IsZero() {
			q.Set(name, t.Format(time.RFC3339Nano))
		}
	}
	if s.span.Follow {
		q.Set("follow", "true")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(s.url, "/")+"/api/v1/audit/events?"+q.Encode(), nil)
	if err != nil {
		return false, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return false, err
	}
	defer res.Body.Close() //nolint:errcheck // nothing was written
	if res.StatusCode != http.StatusOK {
		return false, problemIn(res)
	}
	for l, err := range history.Read(res.Body) {
		switch {
		case err != nil:
			return false, fmt.Errorf("%w: %w", errIncomplete, err)
		case !take(l):
			return true, nil
		case l.CaughtUp && !s.span.Follow:
			return true, nil
		}
	}
	return false, errIncomplete
}

// problemIn is the error that an answer stands for.
func problemIn(res *http.Response) error {
	var p struct{ Code, Detail string }
	body, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10)) // what can't be read is told by the status
	if json.Unmarshal(body, &p) != nil || p.Detail == "" {
		p.Detail = res.Status
	}
	if res.StatusCode >= http.StatusInternalServerError || res.StatusCode == http.StatusTooManyRequests {
		return fmt.Errorf("the portal answers %d: %s", res.StatusCode, p.Detail)
	}
	return refusal{p.Detail}
}

func (s *auditSource) fromFile() iter.Seq2[history.Line, error] {
	return func(yield func(history.Line, error) bool) {
		f, err := os.Open(s.file)
		if err != nil {
			yield(history.Line{}, err)
			return
		}
		defer f.Close() //nolint:errcheck // nothing was written
		for l, err := range history.Read(f) {
			if err == nil && (l.At.Before(s.span.From) || l.Position.Compare(s.span.After) <= 0) {
				continue
			}
			if err == nil && !s.span.To.IsZero() && !l.At.Before(s.span.To) {
				return
			}
			if !yield(l, err) {
				return
			}
		}
	}
}
