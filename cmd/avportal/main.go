// Command avportal is the portal: server, tools and demo in one binary.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// exitCode is an error whose only message is the process's exit code.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

func run(ctx context.Context, args []string) int {
	root := &cobra.Command{
		Use:   "avportal",
		Short: "The antivirus portal: event-sourced, on EventStoreDB and Postgres",
		Long: "The antivirus portal for resellers and their customers.\n\n" +
			"Start with `avportal dev`: it brings up everything it needs, with demo data.",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(devCommand(), serveCommand(), nodeCommand(), logCommand(), simulateCommand(), tokenCommand(), peopleCommand(), projectionsCommand(), exportCommand(), auditCommand(), eventsCommand())
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var code exitCode
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case ctx.Err() != nil && errors.Is(err, context.Canceled): // Ctrl-C while working
		return 130
	}
	fmt.Fprintln(os.Stderr, "avportal:", err)
	return 1
}
