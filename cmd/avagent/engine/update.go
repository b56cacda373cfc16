package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"time"

	"avportal/cmd/avagent/signatures"
	"avportal/http/agent/wire"
)

// Source is where new signatures come from.
type Source struct {
	// URL of one database file (DatabaseCustomURL of freshclam); empty when something else on the machine, such as
	// freshclam's own service, keeps the directory up to date.
	URL string
	// Database is the directory to keep up to date; empty means ClamAV's own.
	Database string
	// Proxy is asked for it; the zero value is none.
	Proxy wire.Proxy
}

// updateTime bounds a download.
const updateTime = 10 * time.Minute

// Update fetches signatures if there is a source, makes the engine read them, and tells what it has now. freshclam tests
// a new database before it takes the place of the old one.
func Update(ctx context.Context, e Engine, s Source) (signatures.Version, error) {
	ctx, cancel := context.WithTimeout(ctx, updateTime)
	defer cancel()
	if s.Database == "" {
		s.Database = DefaultDatabase()
	}
	if s.URL != "" {
		if err := freshclam(ctx, s); err != nil {
			return signatures.Version{}, err
		}
	}
	if err := e.Reload(ctx); err != nil {
		return signatures.Version{}, fmt.Errorf("reload signatures: %w", err)
	}
	info, err := e.Info(ctx)
	return info.Signatures, err
}

func freshclam(ctx context.Context, s Source) error {
	program, err := lookPath("freshclam")
	if err != nil {
		return fmt.Errorf("cannot fetch signatures from %s: %w", s.URL, err)
	}
	config, err := freshclamConfig(s)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp("", "avagent-freshclam-*.conf")
	if err != nil {
		return fmt.Errorf("configure freshclam: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.WriteString(config)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("configure freshclam: %w", err)
	}
	cmd := exec.CommandContext(ctx, program, "--config-file="+f.Name(), "--stdout")
	cmd.WaitDelay = 5 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("freshclam: %w: %s", ended(ctx, err), lastLine(out.String()))
	}
	return nil
}

// freshclamConfig leaves ClamAV's official databases out: they need the internet and over a gigabyte of memory.
func freshclamConfig(s Source) (string, error) {
	u, err := url.Parse(s.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || strings.ContainsAny(s.URL, "\r\n \t\"") {
		return "", fmt.Errorf("%q is not an http or https address of a signature database", s.URL)
	}
	if strings.ContainsAny(s.Database, "\r\n\"") {
		return "", fmt.Errorf("%q cannot be the signature directory of freshclam", s.Database)
	}
	owner, err := user.Current()
	if err != nil {
		return "", fmt.Errorf("configure freshclam: %w", err)
	}
	lines := []string{
		"DatabaseDirectory \"" + s.Database + "\"",
		"DatabaseOwner " + owner.Username,
		"DatabaseCustomURL " + s.URL,
		"ExcludeDatabase main", "ExcludeDatabase daily", "ExcludeDatabase bytecode",
		"DatabaseMirror database.invalid", // freshclam wants one, though nothing is left to ask it for
		"TestDatabases yes", "ConnectTimeout 10", "ReceiveTimeout 60",
	}
	proxy, err := proxyLines(s.Proxy)
	return strings.Join(append(lines, proxy...), "\n") + "\n", err
}

func proxyLines(p wire.Proxy) ([]string, error) {
	if p.Host == "" {
		return nil, nil
	}
	lines := []string{"HTTPProxyServer " + p.Host, "HTTPProxyPort " + strconv.Itoa(p.Port)}
	if p.User != "" {
		lines = append(lines, "HTTPProxyUsername "+p.User, "HTTPProxyPassword "+p.Password)
	}
	for _, v := range []string{p.Host, p.User, p.Password} {
		if strings.ContainsAny(v, "\r\n \t\"") {
			return nil, errors.New("freshclam takes no blanks or quotation marks in the name, user or password of a proxy")
		}
	}
	return lines, nil
}
