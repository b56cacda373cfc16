// Package storetest is the conformance suite that every eventstore.Store passes: the one in memory, the one on the
// embedded node, and the one on a real EventStoreDB.
package storetest

import (
	"context"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/eventstore"
)

// Open gives a store that decodes with a registry. All stores of one run show the same log, which need not be empty.
type Open func(t *testing.T, registry *domain.Registry) eventstore.Store

// Noted is the event that the suite appends.
type Noted struct{ Text string }

// Hinted is an event that only part of the builds know.
type Hinted struct{ Text string }

// EventType is the stored type name.
func (Noted) EventType() string { return "storetest.noted" }

// EventType is the stored type name.
func (Hinted) EventType() string { return "storetest.hinted" }

// Registry knows all events of the suite.
func Registry() *domain.Registry {
	return domain.NewRegistry([]domain.Declaration{domain.Declare[Noted](1), domain.Declare[Hinted](1)})
}

// Run runs the whole suite.
func Run(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Open)
	}{
		{"an event comes back as it was appended", testRoundTrip},
		{"a wrong revision conflicts and writes nothing", testConflict},
		{"a repeated append gives the same place", testRepeat},
		{"an append is all or nothing", testAtomic},
		{"what can't be stored is refused", testRefused},
		{"large appends", testLarge},
		{"one writer wins each revision", testConcurrentWriters},
		{"a stream is read both ways", testRead},
		{"undeclared events are unknown", testUnknown},
		{"links to a tenant's events", testTenantLinks},
		{"links to an activity's events", testActivityLinks},
		{"the whole log is read both ways", testReadAll},
		{"a subscription catches up and goes live", testSubscribe},
		{"everyone sees one order", testOrder},
		{"contexts are honored", testContexts},
		{"a store is as good as its model", testModel},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open) })
	}
}

// patience is how long the suite waits for what must come.
const patience = 20 * time.Second

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func newTenant() domain.Tenant {
	return domain.Tenant(strings.ReplaceAll(uuid.NewString(), "-", ""))
}

func newStream(tenant domain.Tenant) domain.Stream {
	return domain.Stream{Tenant: tenant, Kind: domain.KindDevice, ID: uuid.NewString()}
}

// notes makes one event for each text, of one command and one activity.
func notes(texts ...string) []eventstore.Proposed {
	command := uuid.New()
	events := make([]eventstore.Proposed, len(texts))
	for i, text := range texts {
		events[i] = eventstore.Proposed{ID: uuid.New(), Event: Noted{text}, Meta: eventstore.Metadata{
			Correlation: command, Causation: command, Command: command, Actor: domain.ActorSystem, ActorID: "storetest",
		}}
	}
	return events
}

func mustAppend(t *testing.T, s eventstore.Store, stream domain.Stream, after eventstore.Revision, events ...eventstore.Proposed) eventstore.Appended {
	t.Helper()
	a, err := s.Append(within(t), stream, after, events)
	if err != nil {
		t.Fatalf("append to %s after %d: %v", stream, after, err)
	}
	return a
}

func collect(t *testing.T, events iter.Seq2[eventstore.Recorded, error]) []eventstore.Recorded {
	t.Helper()
	var all []eventstore.Recorded
	for r, err := range events {
		if err != nil {
			t.Fatalf("after %d events: %v", len(all), err)
		}
		all = append(all, r)
	}
	return all
}

// take collects n events of one tenant and then stops.
func take(t *testing.T, events iter.Seq2[eventstore.Recorded, error], tenant domain.Tenant, n int) []eventstore.Recorded {
	t.Helper()
	var all []eventstore.Recorded
	for r, err := range events {
		if err != nil {
			t.Fatalf("after %d of %d events: %v", len(all), n, err)
		}
		if r.Stream.Tenant == tenant {
			all = append(all, r)
		}
		if len(all) == n {
			break
		}
	}
	return all
}

func textOf(r eventstore.Recorded) string {
	if e, ok := r.Event.(Noted); ok {
		return e.Text
	}
	return r.Type
}

// want compares the texts of events, joined by spaces.
func want(t *testing.T, events []eventstore.Recorded, texts string) {
	t.Helper()
	got := make([]string, len(events))
	for i, r := range events {
		got[i] = textOf(r)
	}
	if s := strings.Join(got, " "); s != texts {
		t.Fatalf("read %q, want %q", s, texts)
	}
}

// eventually repeats a read until it gives n events: on a real server links come a little later than their events.
func eventually(t *testing.T, n int, read func() iter.Seq2[eventstore.Recorded, error]) []eventstore.Recorded {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		events := collect(t, read())
		if len(events) >= n || time.Now().After(deadline) {
			return events
		}
		time.Sleep(10 * time.Millisecond)
	}
}
