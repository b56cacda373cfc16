// Package client speaks the device API to the portal, one attempt per call. Whoever calls it decides, by Judge, what an
// error means.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"avportal/cmd/avagent/state"
	"avportal/http/agent/wire"
)

// Client of one portal.
type Client struct {
	base       string
	http       *http.Client
	credential wire.Credential
	agent      string
}

// requestTime bounds every call but the poll, whose wait comes on top.
const requestTime = 30 * time.Second

// New makes a client. Unencrypted HTTP is refused except to this machine, because the bearer would be anyone's, unless
// allowPlain says that a person has agreed to it.
func New(server string, allowPlain bool, version string) (*Client, error) {
	u, err := url.Parse(strings.TrimRight(server, "/"))
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q is not the address of a portal (like https://portal.example.com)", server)
	}
	if u.Scheme == "http" && !allowPlain && !thisMachine(u.Hostname()) {
		return nil, fmt.Errorf("%s is not encrypted; use https, or --allow-http if the network is yours", server)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 2
	return &Client{
		base:  u.String(),
		agent: "avagent/" + version,
		http: &http.Client{
			Transport: transport,
			// A redirect would carry the bearer elsewhere; the portal never sends one.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func thisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// As returns the client with a device's credential.
func (c *Client) As(credential wire.Credential) *Client {
	other := *c
	other.credential = credential
	return &other
}

// Close frees idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Enroll makes the device known, or repeats having done so.
func (c *Client) Enroll(ctx context.Context, req wire.EnrollRequest) (wire.Enrolled, error) {
	body, err := state.Encode(req)
	if err != nil {
		return wire.Enrolled{}, fmt.Errorf("encode enrollment: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	var out wire.Enrolled
	if _, err := c.call(ctx, http.MethodPost, wire.EnrollPath, "", body, http.StatusCreated, &out); err != nil {
		return wire.Enrolled{}, err
	}
	if out.DeviceID == "" || len(out.DeviceID) > wire.MaxText || strings.ContainsAny(out.DeviceID, ". \r\n") {
		return wire.Enrolled{}, fmt.Errorf("%w: no usable device id", errAnswer)
	}
	return out, nil
}

// Send delivers one queued entry.
func (c *Client) Send(ctx context.Context, path, key string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	_, err := c.call(ctx, http.MethodPost, path, key, body, http.StatusNoContent, nil)
	return err
}

// Commands waits for commands. skew is how far the portal's clock is ahead of this one's, to the second.
func (c *Client) Commands(ctx context.Context, wait time.Duration) (commands []wire.Command, skew time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, wait+requestTime)
	defer cancel()
	var out wire.Commands
	h, err := c.call(ctx, http.MethodGet, wire.CommandsPath+"?wait="+wait.String(), "", nil, http.StatusOK, &out)
	if err != nil {
		return nil, 0, err
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		// The header has whole seconds and is as old as the answer's way here: a small difference says nothing.
		if skew = time.Until(date); skew.Abs() < 5*time.Second {
			skew = 0
		}
	}
	return out.Commands, skew, nil
}

// call makes one request. want is the status of success; a poll may also end with 204. Anything else is a *Refusal.
func (c *Client) call(ctx context.Context, method, path, key string, body []byte, want int, into any) (http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("User-Agent", c.agent)
	req.Header.Set("Accept", wire.ContentTypeJSON+", "+wire.ContentTypeProblem)
	if c.credential.DeviceID != "" {
		req.Header.Set("Authorization", c.credential.Header())
	}
	if body != nil {
		req.Header.Set("Content-Type", wire.ContentTypeJSON)
	}
	if key != "" {
		req.Header.Set(wire.HeaderIdempotencyKey, key)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(io.LimitReader(resp.Body, wire.MaxBodyBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read answer: %w", err)
	case resp.StatusCode == http.StatusNoContent && (method == http.MethodGet || want == http.StatusNoContent):
		return resp.Header, nil
	case resp.StatusCode != want:
		return nil, refusal(resp, content)
	}
	return resp.Header, decode(resp.Header, content, into)
}

var errAnswer = errors.New("the answer is not the portal's")

// decode reads the body of a success. Fields that we do not know are the future's.
func decode(h http.Header, content []byte, into any) error {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || kind != wire.ContentTypeJSON {
		return fmt.Errorf("%w: content type %q", errAnswer, h.Get("Content-Type"))
	}
	if len(content) > wire.MaxBodyBytes {
		return fmt.Errorf("%w: over %d bytes", errAnswer, wire.MaxBodyBytes)
	}
	if err := json.Unmarshal(content, into); err != nil {
		return fmt.Errorf("%w: %w", errAnswer, err)
	}
	return nil
}

// Refusal is an answer other than the one hoped for.
type Refusal struct {
	Status int
	// Problem is empty where the answer came from something in between.
	Problem wire.Problem
	// RetryAfter is how long the portal asks to wait, 0 if it does not.
	RetryAfter time.Duration
}

// Error tells the refusal to a person.
func (r *Refusal) Error() string {
	switch {
	case r.Problem.Code == "":
		return fmt.Sprintf("the portal answered %d %s", r.Status, http.StatusText(r.Status))
	case r.Problem.Detail != "":
		return fmt.Sprintf("the portal refused (%s): %s", r.Problem.Code, r.Problem.Detail)
	}
	return fmt.Sprintf("the portal refused (%s): %s", r.Problem.Code, r.Problem.Title)
}

func refusal(resp *http.Response, content []byte) *Refusal {
	r := &Refusal{Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header.Get(wire.HeaderRetryAfter), time.Now())}
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err == nil && kind == wire.ContentTypeProblem {
		if json.Unmarshal(content, &r.Problem) != nil {
			r.Problem = wire.Problem{}
		}
	}
	return r
}

// maxRetryAfter keeps a slip of the portal from silencing a device for days.
const maxRetryAfter = time.Hour

func retryAfter(value string, now time.Time) time.Duration {
	wait := time.Duration(0)
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if date, err := http.ParseTime(value); err == nil {
		wait = date.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}
