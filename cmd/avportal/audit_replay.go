package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"avportal/domain"
	"avportal/domain/catalog"
	"avportal/eventstore"
	"avportal/http/history"
)

// auditStep is one step of a replay.
type auditStep struct {
	Position string          `json:"position"`
	At       string          `json:"at"`
	Stream   string          `json:"stream"`
	Revision int64           `json:"revision"`
	Type     string          `json:"type"`
	Actor    string          `json:"actor"`
	Data     json.RawMessage `json:"data"`
	State    map[string]any  `json:"state,omitempty"` // of the aggregate after it
}

func auditReplayCommand() *cobra.Command {
	var s auditSource
	var upTo string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "replay [KIND ID]",
		Short: "Go through the history step by step, or fold one aggregate's",
		Long: "Go through the history and print each event. With a kind (reseller, customer, license, group, profile, device, job) and an id\n" +
			"only the history of that aggregate is printed, with what each event changed in its state, as the portal itself folds it;\n" +
			"at last the whole state. The id of a group tree is that of its license. --up-to or --to stops at a moment of the past." + auditSources + auditExits,
		Example: "  avportal audit replay device 7f1c5e0a-3b1d-5f00-9a00-1c2d3e4f5a6b --to 2026-05-03T00:00:00Z\n" +
			"  avportal audit replay license l-1 --file history.ndjson --json",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 0 && len(args) != 2 {
				return errors.New("give a kind and an id, or neither")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			r := replayer{cmd: cmd, asJSON: asJSON, registry: catalog.Registry()}
			if upTo != "" {
				var err error
				if r.upTo, err = eventstore.ParsePosition(upTo); err != nil {
					return fmt.Errorf("--up-to: %w", err)
				}
			}
			if len(args) == 2 {
				if r.kind, r.id = domain.Kind(args[0]), args[1]; folds[r.kind] == nil {
					return fmt.Errorf("there is no kind %q; there are %v", args[0], slices.Sorted(maps.Keys(folds)))
				}
				r.fold = folds[r.kind]()
			}
			return r.run(&s)
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&s.file, "file", "", "a file that `audit export` has written")
	cmd.Flags().StringVar(&upTo, "up-to", "", "the last position that is replayed")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print each step as JSON, one a line")
	return cmd
}

type replayer struct {
	cmd      *cobra.Command
	asJSON   bool
	registry *domain.Registry
	upTo     eventstore.Position // zero: the end
	kind     domain.Kind         // empty: everything
	id       string
	fold     fold
	read     int
	shown    int
}

func (r *replayer) run(s *auditSource) error {
	lines, err := s.lines(r.cmd.Context())
	if err != nil {
		return err
	}
	tell, finish := showLine(r.cmd)
	defer finish()
	for l, err := range lines {
		if err != nil {
			return err
		}
		if !r.upTo.IsZero() && l.Position.Compare(r.upTo) > 0 {
			break
		}
		if r.read++; r.read%1000 == 0 {
			tell(fmt.Sprintf("%d events, now at %s", r.read, l.Position))
		}
		if err := r.step(l); err != nil {
			return err
		}
	}
	return r.end()
}

// step prints an event, if it belongs to what is replayed, and what it has changed.
func (r *replayer) step(l history.Line) error {
	stream, err := domain.ParseStream(l.Stream)
	if err != nil {
		return fmt.Errorf("position %s: %w", l.Position, err)
	}
	if r.kind != "" && (stream.Kind != r.kind || stream.ID != r.id || stream.Telemetry) {
		return nil
	}
	r.shown++
	meta, err := eventstore.DecodeMetadata(l.Meta)
	if err != nil {
		return fmt.Errorf("position %s: %w", l.Position, err)
	}
	step := auditStep{
		Position: l.Position.String(), At: l.At.Format("2006-01-02 15:04:05.000000"), Stream: l.Stream, Revision: int64(l.Revision), Type: l.Type,
		Actor: string(meta.Actor) + " " + meta.ActorID, Data: l.Data,
	}
	var changes []string
	if r.fold != nil {
		event, err := r.registry.Decode(l.Type, l.Version, l.Data, nil) // personal texts stay sealed
		if err != nil {
			return fmt.Errorf("position %s: %w", l.Position, err)
		}
		before := flat(r.fold.state())
		r.fold.apply(event)
		step.State = r.fold.state()
		changes = changedLines(before, flat(step.State))
	}
	out := r.cmd.OutOrStdout()
	if r.asJSON {
		return writeJSONLine(out, step)
	}
	fmt.Fprintf(out, "%s  %s  %s  %s  by %s\n    %s\n", step.Position, step.At, step.Stream, step.Type, step.Actor, step.Data)
	for _, c := range changes {
		fmt.Fprintln(out, "    "+c)
	}
	return nil
}

func (r *replayer) end() error {
	if r.kind != "" && r.shown == 0 {
		fmt.Fprintf(r.cmd.ErrOrStderr(), "avportal: among %d events there is none of the %s %s\n", r.read, r.kind, r.id)
		return exitCode(differs)
	}
	if r.asJSON {
		return nil
	}
	if r.fold == nil {
		fmt.Fprintf(r.cmd.OutOrStdout(), "%d events\n", r.shown)
		return nil
	}
	state, err := json.MarshalIndent(r.fold.state(), "", "  ")
	fmt.Fprintf(r.cmd.OutOrStdout(), "the %s %s after %d events:\n%s\n", r.kind, r.id, r.shown, state)
	return err
}

// changedLines says which values differ.
func changedLines(before, after map[string]string) []string {
	all := map[string]bool{}
	for path := range before {
		all[path] = true
	}
	for path := range after {
		all[path] = true
	}
	var out []string
	for _, path := range slices.Sorted(maps.Keys(all)) {
		switch b, a := before[path], after[path]; {
		case b == a:
		case b == "":
			out = append(out, fmt.Sprintf("+ %s = %s", path, a))
		case a == "":
			out = append(out, fmt.Sprintf("- %s = %s", path, b))
		default:
			out = append(out, fmt.Sprintf("~ %s = %s, was %s", path, a, b))
		}
	}
	return out
}
