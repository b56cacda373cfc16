package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"avportal/domain"
	"avportal/domain/catalog"
	"avportal/domain/device"
)

// naiveCommands is load, decide, append with the official client, as its documentation shows it and as most would write
// it: read the whole stream, fold it, append at the revision that was read.
type naiveCommands struct {
	client   *esdb.Client
	registry *domain.Registry
}

func newNaiveCommands(connection string) (*naiveCommands, error) {
	config, err := esdb.ParseConnectionString(connection)
	if err != nil {
		return nil, err
	}
	config.Logger = esdb.NoopLogging()
	c, err := esdb.NewClient(config)
	if err != nil {
		return nil, err
	}
	return &naiveCommands{c, catalog.Registry()}, nil
}

func (n *naiveCommands) close() error { return n.client.Close() }

type naiveMetadata struct {
	Correlation uuid.UUID `json:"$correlationId"`
	Causation   uuid.UUID `json:"$causationId"`
	Command     uuid.UUID `json:"command"`
	Actor       string    `json:"actor"`
	ActorID     string    `json:"actorId"`
	Version     int       `json:"version"`
}

func (n *naiveCommands) report(ctx context.Context, c device.Report) error {
	stream := c.Stream().String()
	state, revision, err := n.load(ctx, stream)
	if err != nil {
		return err
	}
	decided, err := c.Decide(state)
	if err != nil || len(decided) == 0 {
		return errors.Join(err, fmt.Errorf("a report left %d events", len(decided)))
	}
	command := uuid.New()
	events := make([]esdb.EventData, len(decided))
	for i, e := range decided {
		data, err := json.Marshal(e)
		if err != nil {
			return err
		}
		metadata, err := json.Marshal(naiveMetadata{command, command, command, "client", string(c.Device), 1})
		if err != nil {
			return err
		}
		events[i] = esdb.EventData{EventID: uuid.New(), EventType: e.EventType(), ContentType: esdb.ContentTypeJson, Data: data, Metadata: metadata}
	}
	_, err = n.client.AppendToStream(ctx, stream, esdb.AppendToStreamOptions{ExpectedRevision: esdb.Revision(revision)}, events...)
	return err
}

func (n *naiveCommands) load(ctx context.Context, stream string) (state device.State, revision uint64, err error) {
	events, err := n.client.ReadStream(ctx, stream, esdb.ReadStreamOptions{From: esdb.Start{}}, math.MaxUint64)
	if err != nil {
		return state, 0, err
	}
	defer events.Close()
	for {
		resolved, err := events.Recv()
		if errors.Is(err, io.EOF) {
			return state, revision, nil
		}
		if err != nil {
			return state, 0, err
		}
		e, err := n.registry.Decode(resolved.Event.EventType, 1, resolved.Event.Data, nil)
		if err != nil {
			return state, 0, err
		}
		state, revision = state.Evolve(e), resolved.Event.EventNumber
	}
}
