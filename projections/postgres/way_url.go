package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// connectConfigured uses a server that somebody else runs, after a look whether it answers and is new enough.
func connectConfigured(ctx context.Context, url string) (*Server, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("postgres: the configured server (AVPORTAL_POSTGRES_URL): %w", err)
	}
	defer conn.Close(ctx)
	var number int
	if err := conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&number); err != nil {
		return nil, fmt.Errorf("postgres: the configured server's version: %w", err)
	}
	if number/10000 < oldest {
		return nil, fmt.Errorf("postgres: the configured server is version %d, need %d or later", number/10000, oldest)
	}
	return &Server{url: url}, nil
}
