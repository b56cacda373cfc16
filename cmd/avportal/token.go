package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/platform"
	"avportal/domain/token"
	"avportal/http/api/tokens"
)

func tokenCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "token", Short: "API tokens"}
	cmd.AddCommand(createTokenCommand())
	return cmd
}

// createTokenCommand makes the first token of an installation; further ones can be made through the API.
func createTokenCommand() *cobra.Command {
	var of servers
	var role string
	var g tokens.Grant
	var days int
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make an API token and print its secret, once",
		Long: "Make an API token and print its secret, which is stored nowhere. An operator's token (--role operator, without a\n" +
			"tenant) may register resellers; the others belong to one. That it was made stands in the action log.",
		Example: "  avportal token create --role operator --name setup --postgres-url postgres://portal@db/portal --eventstore-url esdb://db:2113\n" +
			"  avportal token create --role auditor --tenant 5ec0de00a11b4c0d8e0f1a2b3c4d5e6f --name 'Audit 2026' --days 30",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if err := checkRole(role, g); err != nil {
				return err
			}
			c, err := of.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { err = c.close(cmd.Context(), err) }()
			g.Role, g.Lifetime = domain.Role(role), time.Duration(days)*24*time.Hour
			secret, err := c.createToken(cmd.Context(), g)
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), secret)
			return nil
		},
	}
	f := cmd.Flags()
	of.flags(f)
	f.StringVar(&role, "role", "", "operator, reseller_admin, reseller_technician, reseller_readonly, customer_admin, customer_readonly or auditor")
	f.StringVar((*string)(&g.Tenant), "tenant", "", "the reseller: 32 hex digits")
	f.StringVar((*string)(&g.Customer), "customer", "", "limit the token to one customer")
	f.StringVar(&g.Name, "name", "", "what the token is for")
	f.IntVar(&days, "days", 90, "how long it holds, up to 365")
	return cmd
}

// createToken makes a token as the API does: the log says so first. An operator's stands among what the operators do.
func (c connection) createToken(ctx context.Context, g tokens.Grant) (secret string, err error) {
	vault, err := tokens.New(ctx, c.db, time.Now)
	if err != nil {
		return "", err
	}
	g.ID = uuid.New()
	tenant := g.Tenant
	if tenant == "" {
		tenant = platform.Tenant
	}
	rq := commands.Request{Actor: domain.SystemActor("operator", tenant), At: time.Now(), ID: g.ID}
	_, err = commands.Do[token.State](ctx, c.commands, rq, token.Create{
		Tenant: tenant, Customer: g.Customer, Token: token.ID(g.ID.String()), Name: g.Name, Role: g.Role, Lifetime: g.Lifetime, At: rq.At,
	})
	if err != nil {
		return "", err
	}
	_, secret, err = vault.Create(ctx, g)
	return secret, err
}

func checkRole(role string, g tokens.Grant) error {
	switch r := domain.Role(role); r {
	case domain.Operator:
		if g.Tenant != "" || g.Customer != "" {
			return errors.New("an operator belongs to no tenant")
		}
	case domain.ResellerAdmin, domain.ResellerTechnician, domain.ResellerReadOnly, domain.CustomerAdmin, domain.CustomerReadOnly, domain.Auditor:
		if !g.Tenant.Valid() {
			return errors.New("--tenant needs 32 lower-case hex digits")
		}
		if (r == domain.CustomerAdmin || r == domain.CustomerReadOnly) && g.Customer == "" {
			return fmt.Errorf("the role %s needs --customer", role)
		}
	default:
		return fmt.Errorf("there is no role %q", role)
	}
	return nil
}
