package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/user"
	"avportal/http/signin"
	"avportal/http/signin/sessions"
)

func peopleCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "people", Short: "People in the log"}
	cmd.AddCommand(erasePersonCommand())
	return cmd
}

// erasePersonCommand does what DELETE /users/{id} does, for who runs the installation.
func erasePersonCommand() *cobra.Command {
	var of servers
	var tenant string
	cmd := &cobra.Command{
		Use:   "erase USER...",
		Short: "Forget who users of a reseller were, for good",
		Long: "Forget who users of a reseller were, for good: the log says that they were erased, then the keys are destroyed that open\n" +
			"what it holds of them. Names and addresses can't be read any more in any copy of the log; what they did stays, by an id.\n" +
			"They are signed out, and their accounts are deleted, unless they are members of another organization.\n" +
			"It may be repeated. Backups of the Postgres schema vault from before still hold the keys.",
		Example: "  avportal people erase --tenant 5ec0de00a11b4c0d8e0f1a2b3c4d5e6f 0c9c5c5a-7d2f-4d0e-9b0e-2f6f0a1b2c3d",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, users []string) (err error) {
			if !domain.Tenant(tenant).Valid() {
				return errors.New("--tenant needs 32 lower-case hex digits")
			}
			c, err := of.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { err = c.close(cmd.Context(), err) }()
			for _, id := range users {
				if err := c.erase(cmd, domain.Tenant(tenant), domain.UserID(id)); err != nil {
					return fmt.Errorf("user %s: %w", id, err)
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s is erased\n", id)
			}
			return nil
		},
	}
	of.flags(cmd.Flags())
	cmd.Flags().StringVar(&tenant, "tenant", "", "the reseller: 32 hex digits")
	return cmd
}

func (c connection) erase(cmd *cobra.Command, t domain.Tenant, u domain.UserID) error {
	ctx := cmd.Context()
	rq := commands.Request{Actor: domain.SystemActor("operator", t), At: time.Now(), ID: uuid.New()}
	if _, err := commands.EraseUser(ctx, c.commands, rq, user.Erase{Tenant: t, User: u, At: rq.At}); err != nil {
		return err
	}
	vault, err := sessions.New(ctx, c.db, time.Now)
	if err != nil {
		return err
	}
	return (&signin.Service{Commands: c.commands, Sessions: vault, DB: c.db, Now: time.Now}).Forget(ctx, t, u)
}
