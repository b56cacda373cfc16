// Command avagent is the device agent of the AV Portal: it reports what the antivirus engine of this machine finds and
// executes the scans and updates that the portal asks for.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"avportal/cmd/avagent/agent"
	"avportal/cmd/avagent/state"
)

// Exit codes.
const (
	exitFailure     = 1
	exitUsage       = 2
	exitThreats     = 3
	exitNotEnrolled = 4
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// usageError marks what the person who typed the command can mend by typing it differently.
type usageError struct{ error }

// errThreats ends a scan that went well and found something.
var errThreats = errors.New("threats found")

func run(ctx context.Context, args []string) int {
	root := rootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errThreats):
		return exitThreats
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "avagent: %v\nSee avagent --help.\n", err)
		return exitUsage
	}
	fmt.Fprintf(os.Stderr, "avagent: %v\n", err)
	if errors.Is(err, agent.ErrNotEnrolled) || errors.Is(err, agent.ErrRemoved) {
		return exitNotEnrolled
	}
	return exitFailure
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "avagent",
		Short: "Device agent of the AV Portal",
		Long: `avagent connects this machine's antivirus engine (ClamAV, or a small matcher of its own) with an AV Portal.

Exit codes: 0 well, 1 failed, 2 wrong usage, 3 a scan found threats, 4 not enrolled or removed from the portal.`,
		Example:       "  avagent enroll --server https://portal.example.com --tid 1b9d6bcd\n  avagent run",
		SilenceErrors: true, SilenceUsage: true,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.CompletionOptions.HiddenDefaultCmd = true
	root.PersistentFlags().String("state", state.DefaultPath(), "state `directory`: identity, queue, known threats")
	root.AddCommand(enrollCommand(), runCommand(), scanCommand(), updateCommand(), statusCommand(),
		installCommand(), uninstallCommand(), versionCommand())
	for _, c := range root.Commands() {
		c.Args = asUsage(c.Args)
	}
	root.Args = asUsage(root.Args)
	return root
}

func asUsage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{err}
		}
		return nil
	}
}

func openState(cmd *cobra.Command) (*state.Dir, error) {
	path, err := cmd.Flags().GetString("state")
	if err != nil {
		return nil, err
	}
	return state.Open(path)
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Example: "  avagent version", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), version())
			return err
		},
	}
}

// version is what the Go tool recorded of the source tree, such as v1.2.3 or a pseudo-version with the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "dev"
	}
	return info.Main.Version
}
