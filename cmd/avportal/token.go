package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"avportal/domain"
	"avportal/http/api/tokens"
)

func tokenCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "token", Short: "API tokens"}
	cmd.AddCommand(createTokenCommand())
	return cmd
}

// createTokenCommand makes the first token of an installation; further ones can be made through the API.
func createTokenCommand() *cobra.Command {
	var data, postgres, role string
	var g tokens.Grant
	var days int
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make an API token and print its secret, once",
		Long: "Make an API token and print its secret, which is stored nowhere. An operator's token (--role operator, without a\n" +
			"tenant) may register resellers; the others belong to one.",
		Example: "  avportal token create --role operator --name setup --postgres-url postgres://portal@db/portal\n" +
			"  avportal token create --role auditor --tenant 5ec0de00a11b4c0d8e0f1a2b3c4d5e6f --name 'Audit 2026' --days 30",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if postgres == "" {
				r, err := readRun(data)
				if err != nil {
					return fmt.Errorf("no --postgres-url, and no portal runs on %s: %w", data, err)
				}
				postgres = r.Postgres
			}
			if err := checkRole(role, g); err != nil {
				return err
			}
			db, err := pgxpool.New(cmd.Context(), postgres)
			if err != nil {
				return err
			}
			defer db.Close()
			vault, err := tokens.New(cmd.Context(), db, time.Now)
			if err != nil {
				return err
			}
			g.Role, g.Lifetime = domain.Role(role), time.Duration(days)*24*time.Hour
			_, secret, err := vault.Create(cmd.Context(), g)
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), secret)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&data, "data", ".avportal", "data directory of a portal that runs here")
	f.StringVar(&postgres, "postgres-url", "", "Postgres of the portal")
	f.StringVar(&role, "role", "", "operator, reseller_admin, reseller_technician, reseller_readonly, customer_admin, customer_readonly or auditor")
	f.StringVar((*string)(&g.Tenant), "tenant", "", "the reseller: 32 hex digits")
	f.StringVar((*string)(&g.Customer), "customer", "", "limit the token to one customer")
	f.StringVar(&g.Name, "name", "", "what the token is for")
	f.IntVar(&days, "days", 90, "how long it holds, up to 365")
	return cmd
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
