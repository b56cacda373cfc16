package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"avportal/http/agent/wire"
)

// Clamd talks to a running clamd in its NUL-terminated commands, in which a newline in a file's name cannot pass for
// the end of a line. clamd opens the files itself: it must be allowed to read them.
type Clamd struct {
	// Address is the path of a socket or host:port of this machine; empty means the usual sockets.
	Address  string
	Database string
}

// Name of the engine.
func (c *Clamd) Name() string { return wire.EngineClamd }

// usualSockets are those of Debian, Red Hat, Homebrew and ClamAV's own example.
func usualSockets() []string {
	return []string{"/run/clamav/clamd.ctl", "/run/clamd.scan/clamd.sock", "/opt/homebrew/var/run/clamav/clamd.sock", "/tmp/clamd.sock", "127.0.0.1:3310"}
}

func (c *Clamd) dial(ctx context.Context) (net.Conn, error) {
	addresses := usualSockets()
	if c.Address != "" {
		addresses = []string{c.Address}
	}
	var failed []error
	for _, a := range addresses {
		network := "tcp"
		if strings.ContainsAny(a, `/\`) {
			network = "unix"
		}
		var d net.Dialer
		conn, err := d.DialContext(ctx, network, a)
		if err == nil {
			return conn, nil
		}
		failed = append(failed, err)
	}
	return nil, fmt.Errorf("clamd does not answer: %w", errors.Join(failed...))
}

// send issues one command and calls answer for each part of the reply.
func (c *Clamd) send(ctx context.Context, command string, answer func(string)) error {
	conn, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if _, err := io.WriteString(conn, "z"+command+"\x00"); err != nil {
		return ended(ctx, err)
	}
	replies := bufio.NewReader(conn)
	for {
		reply, err := replies.ReadString(0)
		if errors.Is(err, io.EOF) && reply == "" {
			return nil
		}
		if err != nil {
			return ended(ctx, fmt.Errorf("clamd broke off: %w", err))
		}
		answer(strings.TrimSuffix(reply, "\x00"))
	}
}

// ended prefers the reason for which we closed the connection over what the closing looked like.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (c *Clamd) ask(ctx context.Context, command string) (string, error) {
	var reply string
	if err := c.send(ctx, command, func(s string) { reply += s }); err != nil {
		return "", err
	}
	if reply == "" || strings.HasSuffix(reply, "ERROR") || reply == "UNKNOWN COMMAND" {
		return "", fmt.Errorf("clamd answered %s with %q", command, reply)
	}
	return reply, nil
}

// Info asks clamd for its version.
func (c *Clamd) Info(ctx context.Context) (Info, error) {
	banner, err := c.ask(ctx, "VERSION")
	if err != nil {
		return Info{}, err
	}
	return parseBanner(banner, c.Database), nil
}

// Reload tells clamd to read its database again, which it does in the background.
func (c *Clamd) Reload(ctx context.Context) error {
	reply, err := c.ask(ctx, "RELOAD")
	if err == nil && reply != "RELOADING" {
		err = fmt.Errorf("clamd answered RELOAD with %q", reply)
	}
	return err
}

// Scan lets clamd scan with all of its threads. clamd does not say how many files it looked at.
func (c *Clamd) Scan(ctx context.Context, paths []string, found func(Finding)) (Summary, error) {
	sum := Summary{Files: -1}
	for _, path := range Expand(paths) {
		answered := false
		err := c.send(ctx, "MULTISCAN "+path, func(reply string) {
			answered = true
			if f, ok := splitFound(reply); ok {
				found(f)
			} else if strings.HasSuffix(reply, " ERROR") && !vanished(reply, path) {
				sum.Errors++
				sum.Detail = reply
			}
		})
		if err == nil && !answered {
			err = errors.New("clamd closed the connection without an answer") // it does so when it is going down
		}
		if err != nil {
			return sum, fmt.Errorf("scan %s: %w", path, err)
		}
	}
	return sum, nil
}

// vanished reports whether clamd complains about a path that went away between our look and its own. That is no file
// that could not be judged.
func vanished(reply, path string) bool {
	if !strings.HasPrefix(reply, path+": ") {
		return false
	}
	_, err := os.Lstat(path)
	return errors.Is(err, os.ErrNotExist)
}
