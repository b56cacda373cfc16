package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"

	"avportal/eventstore"
	"avportal/http/history"
)

const auditSources = "\n\nThe history comes from a portal (--url, with an API token of an administrator, technician or auditor in AVPORTAL_TOKEN) or from a\n" +
	"file that was exported (--file). With neither, the portal that `avportal dev` runs here is asked."

const auditExits = "\n\nThe exit code is 0 if the history was read to its end, 1 if not; 2 if the file does not hold what was asked for."

func auditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Export and replay the history of a reseller",
		Long: "Tools for auditors. The history is every event of a reseller, in the order of the log and with the bytes that are stored:\n" +
			"what the portal shows follows from it.",
	}
	cmd.AddCommand(auditExportCommand(), auditReplayCommand())
	return cmd
}

// auditSource says where a history comes from, and which part of it is wanted.
type auditSource struct {
	url, data, file string
	after           string
	from, to        string
	span            history.Span
}

func (s *auditSource) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.url, "url", "", "the portal's address, such as https://portal.example")
	f.StringVar(&s.data, "data", ".avportal", "data directory of a development portal that runs here")
	f.StringVar(&s.from, "from", "", "only events of this time or later (RFC 3339)")
	f.StringVar(&s.to, "to", "", "only events before this time")
}

// parse checks what was given, and finds the portal.
func (s *auditSource) parse() (token string, err error) {
	for _, t := range []struct {
		flag, text string
		at         *time.Time
	}{{"from", s.from, &s.span.From}, {"to", s.to, &s.span.To}} {
		if t.text == "" {
			continue
		}
		if *t.at, err = time.Parse(time.RFC3339Nano, t.text); err != nil {
			return "", fmt.Errorf("--%s is a time such as 2026-11-25T08:00:00Z: %w", t.flag, err)
		}
	}
	if s.after != "" {
		if s.span.After, err = eventstore.ParsePosition(s.after); err != nil {
			return "", fmt.Errorf("--after: %w", err)
		}
	}
	if s.file != "" {
		return "", nil
	}
	token = os.Getenv("AVPORTAL_TOKEN")
	if s.url == "" {
		r, err := readRun(s.data)
		if err != nil {
			return "", fmt.Errorf("no --url, and no portal runs here: %w", err)
		}
		if s.url = r.URL; token == "" {
			token = r.Token
		}
	}
	if token == "" {
		return "", errors.New("AVPORTAL_TOKEN must hold an API token; it is not a flag, since others can read those")
	}
	if u, err := url.Parse(s.url); err != nil || u.Scheme == "" || u.Host == "" {
		return "", fmt.Errorf("--url %q is not the address of a portal", s.url)
	}
	return token, nil
}
