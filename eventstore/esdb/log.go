package esdb

import (
	"context"
	"fmt"
	"log/slog"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
)

// logTo sends the client's log to slog as debug: each of its errors comes back from the call, too.
func logTo(logger *slog.Logger) client.LoggingFunc {
	return func(level client.LogLevel, format string, args ...any) {
		if logger.Enabled(context.Background(), slog.LevelDebug) {
			logger.Debug("event store client", "level", level, "message", fmt.Sprintf(format, args...))
		}
	}
}
