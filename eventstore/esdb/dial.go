package esdb

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc"
)

// Dial connects to the server, or to the leader of the cluster, that a connection string names; "unix:/path" is a node
// on this machine. It is for tools that move whole logs and need neither event types nor the official client. The
// credentials of the connection string go with each call.
func Dial(ctx context.Context, connectionString string, logger *slog.Logger) (*grpc.ClientConn, error) {
	text := connectionString
	if strings.HasPrefix(text, "unix:") {
		text = "esdb://localhost:2113?tls=false"
	}
	config, err := client.ParseConnectionString(text)
	if err == nil {
		err = config.Validate()
	}
	if err != nil {
		return nil, fmt.Errorf("connection string: %w", err)
	}
	if text != connectionString {
		config.Address = connectionString
	}
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	t, err := newTarget(*config, logger)
	if err != nil {
		return nil, err
	}
	found, err := t.find(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return found.conn, nil
}
