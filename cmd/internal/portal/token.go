package portal

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"avportal/domain"
	"avportal/http/api/tokens"
)

// DevelopmentToken gives the secret of an administrator's token, kept in the data directory over restarts.
func (p *Portal) DevelopmentToken(ctx context.Context, tenant domain.Tenant, actor string) (string, error) {
	path := filepath.Join(p.cfg.DataDir, "token")
	if content, err := os.ReadFile(path); err == nil {
		secret := strings.TrimSpace(string(content))
		if _, err := p.tokens.Authenticate(ctx, secret); err == nil {
			return secret, nil
		}
	}
	_, secret, err := p.tokens.Create(ctx, tokens.Grant{Name: "avportal dev", Actor: actor, Role: domain.ResellerAdmin, Tenant: tenant})
	if err != nil {
		return "", err
	}
	return secret, os.WriteFile(path, []byte(secret+"\n"), 0o600)
}
