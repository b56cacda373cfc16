package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/alexedwards/argon2id"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"avportal/cmd/avagent/agent"
	"avportal/cmd/avagent/state"
)

// passwordVariable is for scripts; on a terminal the password is asked for.
const passwordVariable = "AVAGENT_PASSWORD"

var errLocked = errors.New("the profile of this device locks its settings: give the password on a terminal, or in " + passwordVariable)

// unlock lets pass who knows the password by which the profile locks the settings of this device. Whoever owns the machine could take
// the agent off it all the same; this keeps out those who merely may run programs as its administrator.
func unlock(cmd *cobra.Command, dir *state.Dir) error {
	hash, err := agent.SettingsLock(dir)
	if err != nil || hash == "" {
		return err
	}
	password := os.Getenv(passwordVariable)
	if in := int(os.Stdin.Fd()); password == "" && term.IsTerminal(in) { //nolint:gosec // a file descriptor
		fmt.Fprint(cmd.ErrOrStderr(), "Password of the settings: ")
		typed, err := term.ReadPassword(in)
		fmt.Fprintln(cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		password = string(typed)
	}
	if ok, err := argon2id.ComparePasswordAndHash(password, hash); err != nil {
		return fmt.Errorf("the lock of the settings can't be read: %w", err)
	} else if !ok {
		return errLocked
	}
	return nil
}
