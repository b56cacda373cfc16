package main

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/platform"
	"avportal/projections"
)

// simply is each for what needs no progress.
func simply(do func(context.Context, string) error) func(context.Context, string, func(projections.Progress)) error {
	return func(ctx context.Context, name string, _ func(projections.Progress)) error { return do(ctx, name) }
}

func (v *viewTool) dropCommand() *cobra.Command {
	return &cobra.Command{
		Use: "drop SCHEMA ...", Short: "Drop generations that are left over",
		Long:    "Drop generations by the name of their schema, as `list` shows it. What is live or being built is refused." + viewExits,
		Example: "  avportal projections drop devices_prev", Args: cobra.MinimumNArgs(1),
		RunE: v.with(func(cmd *cobra.Command, args []string) error {
			return v.each(cmd, args, "dropped", simply(v.engine.Drop))
		}),
	}
}

func (v *viewTool) pauseCommand() *cobra.Command {
	return &cobra.Command{
		Use: "pause VIEW ...", Short: "Make views stand still, in every portal, until they are resumed",
		Long:    "Make views stand still, in every portal, also over restarts, until `resume`. They can still be read, rebuilt and verified." + viewExits,
		Example: "  avportal projections pause devices", Args: cobra.MinimumNArgs(1),
		RunE: v.with(func(cmd *cobra.Command, args []string) error {
			return v.each(cmd, args, "paused", simply(v.engine.Pause))
		}),
	}
}

func (v *viewTool) resumeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "resume VIEW ...", Short: "Let paused views go on",
		Long:    "Let paused views go on where they stand." + viewExits,
		Example: "  avportal projections resume devices", Args: cobra.MinimumNArgs(1),
		RunE: v.with(func(cmd *cobra.Command, args []string) error {
			return v.each(cmd, args, "resumed", simply(v.engine.Resume))
		}),
	}
}

func (v *viewTool) quarantineCommand() *cobra.Command {
	var event, reason string
	cmd := &cobra.Command{
		Use: "quarantine VIEW --event ID --reason TEXT", Short: "Leave out the event before which a view or policy stands",
		Long: "Make a view, or a policy (policy/NAME), leave out the event before which it stands, now and in every rebuild. The decision, with its\n" +
			"reason, is an event in the log itself. Which event that is `status` shows; it must be named, so that no other is left out by mistake." + viewExits,
		Example: "  avportal projections quarantine devices --event 0e0a1a3c-5f0b-4a55-9d0c-3b8f8f6d2b11 --reason 'date in the year 9999, ticket 4711'",
		Args:    cobra.ExactArgs(1),
		RunE: v.with(func(cmd *cobra.Command, args []string) error {
			return v.each(cmd, args, "leaves out event "+event, simply(func(ctx context.Context, view string) error {
				return v.quarantine(ctx, view, event, reason)
			}))
		}),
	}
	cmd.Flags().StringVar(&event, "event", "", "id of the event")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for those who come after")
	for _, needed := range []string{"event", "reason"} {
		_ = cmd.MarkFlagRequired(needed) // the flag is there
	}
	return cmd
}

func (v *viewTool) quarantine(ctx context.Context, view, event, reason string) error {
	h, err := v.engine.PoisonEvent(ctx, view, event)
	if err != nil {
		return err
	}
	rq := commands.Request{Actor: operator(), At: time.Now(), ID: uuid.New()}
	_, err = commands.Do[platform.View](ctx, commands.New(v.store), rq, platform.Quarantine{
		View: view, Event: h.EventID, Position: h.Position, Reason: reason, At: rq.At,
	})
	return err
}

// operator is whoever may run this program against the portal's own servers.
func operator() domain.Actor {
	id := "uid " + fmt.Sprint(os.Getuid())
	if u, err := user.Current(); err == nil {
		id = u.Username
	}
	return domain.Actor{Kind: domain.ActorUser, ID: id, Role: domain.Operator}
}
