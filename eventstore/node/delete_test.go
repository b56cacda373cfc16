package node_test

import (
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"avportal/eventstore/node/nodetest"
)

func TestDeleteAndTombstoneDecideByExpectedRevision(t *testing.T) {
	const ok, wrong, deleted = "ok", "wrong", "deleted"
	expected := map[string]esdb.ExpectedRevision{
		"any": esdb.Any{}, "no stream": esdb.NoStream{}, "exists": esdb.StreamExists{}, "exact 4": esdb.Revision(4), "exact 5": esdb.Revision(5),
	}
	// delete, tombstone
	table := map[string]map[string][2]string{
		"missing":       {"any": {wrong, ok}, "no stream": {wrong, ok}, "exists": {wrong, wrong}, "exact 4": {wrong, wrong}, "exact 5": {wrong, wrong}},
		"five events":   {"any": {ok, ok}, "no stream": {wrong, wrong}, "exists": {ok, ok}, "exact 4": {ok, ok}, "exact 5": {wrong, wrong}},
		"only metadata": {"any": {ok, ok}, "no stream": {ok, ok}, "exists": {ok, ok}, "exact 4": {wrong, wrong}, "exact 5": {wrong, wrong}},
		"soft-deleted":  {"any": {ok, ok}, "no stream": {ok, ok}, "exists": {deleted, deleted}, "exact 4": {ok, ok}, "exact 5": {wrong, wrong}},
		"tombstoned":    {"any": {deleted, deleted}, "no stream": {deleted, deleted}, "exists": {deleted, deleted}, "exact 4": {deleted, deleted}, "exact 5": {deleted, deleted}},
	}
	c := connect(t, nodetest.StartMem(t))
	for state, row := range table {
		for name, outcomes := range row {
			for i, want := range outcomes {
				operation := []string{"delete", "tombstone"}[i]
				t.Run(state+", "+name+", "+operation, func(t *testing.T) {
					stream := "s-" + uuid.NewString()
					streamStates[state](t, c, stream)
					var err error
					var r *esdb.DeleteResult
					if operation == "delete" {
						r, err = c.DeleteStream(testContext(t), stream, esdb.DeleteStreamOptions{ExpectedRevision: expected[name]})
					} else {
						r, err = c.TombstoneStream(testContext(t), stream, esdb.TombstoneStreamOptions{ExpectedRevision: expected[name]})
					}
					switch want {
					case ok:
						if err != nil || r.Position.Commit == 0 {
							t.Fatal(r, err)
						}
					case wrong:
						if errorCode(err) != esdb.ErrorCodeUnknown || !strings.Contains(err.Error(), "expected revision") {
							t.Fatal(r, err)
						}
					case deleted:
						if errorCode(err) != esdb.ErrorCodeStreamDeleted {
							t.Fatal(r, err)
						}
					}
				})
			}
		}
	}
}

func TestWrongVersionOfADeleteStandsInTheTrailer(t *testing.T) {
	n := nodetest.StartMem(t)
	c := connect(t, n)
	appendTo(t, c, "s", esdb.NoStream{}, events(0, 3)...)
	conn, err := grpc.NewClient(n.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for expected, set := range map[string]func(*streams.DeleteReq_Options){
		"-1": func(o *streams.DeleteReq_Options) {
			o.ExpectedStreamRevision = &streams.DeleteReq_Options_NoStream{NoStream: &shared.Empty{}}
		},
		"7": func(o *streams.DeleteReq_Options) {
			o.ExpectedStreamRevision = &streams.DeleteReq_Options_Revision{Revision: 7}
		},
	} {
		o := &streams.DeleteReq_Options{StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte("s")}}
		set(o)
		var trailer metadata.MD
		_, err := streams.NewStreamsClient(conn).Delete(testContext(t), &streams.DeleteReq{Options: o}, grpc.Trailer(&trailer))
		for key, want := range map[string]string{"exception": "wrong-expected-version", "stream-name": "s", "expected-version": expected, "actual-version": "2"} {
			if got := strings.Join(trailer[key], ""); status.Code(err) != codes.FailedPrecondition || got != want {
				t.Errorf("%v: trailer %s is %q, want %q", err, key, got, want)
			}
		}
	}
}

func TestSoftDeletedStreamGoesOn(t *testing.T) {
	c := connect(t, nodetest.StartMem(t))
	appendTo(t, c, "s", esdb.NoStream{}, events(0, 3)...)
	setMetadata(t, c, "s", `{"owner":"me","$tb":9223372036854775807}`)
	if s, err := c.ReadStream(testContext(t), "s", esdb.ReadStreamOptions{}, 1); err != nil {
		t.Fatal(err)
	} else if _, err = s.Recv(); errorCode(err) != esdb.ErrorCodeResourceNotFound {
		t.Fatal(err)
	}
	if r := appendTo(t, c, "s", esdb.NoStream{}, events(3, 2)...); r.NextExpectedVersion != 4 {
		t.Fatalf("revision %d", r.NextExpectedVersion)
	}
	if got := revisions(readStream(t, c, "s", esdb.ReadStreamOptions{}, 10)); got != "3 4" {
		t.Fatalf("readable: %q", got)
	}
	m := readStream(t, c, "$$s", esdb.ReadStreamOptions{Direction: esdb.Backwards, From: esdb.End{}}, 1)
	if got := string(m[0].Event.Data); got != `{"$tb":3,"owner":"me"}` {
		t.Fatalf("metadata %s", got)
	}
}

func TestMetadataLiftsASoftDelete(t *testing.T) {
	c := connect(t, nodetest.StartMem(t))
	appendTo(t, c, "s", esdb.NoStream{}, events(0, 3)...)
	if _, err := c.DeleteStream(testContext(t), "s", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
		t.Fatal(err)
	}
	setMetadata(t, c, "s", `{"$maxCount":10}`)
	appendTo(t, c, "s", esdb.Revision(2), event(3))
	if got := revisions(readStream(t, c, "s", esdb.ReadStreamOptions{}, 10)); got != "3" {
		t.Fatalf("readable: %q", got)
	}
}

func TestTombstoneEndsASubscription(t *testing.T) {
	c := connect(t, nodetest.StartMem(t))
	appendTo(t, c, "s", esdb.NoStream{}, event(0))
	s, err := c.SubscribeToStream(testContext(t), "s", esdb.SubscribeToStreamOptions{From: esdb.Start{}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if e := next(t, s); e.EventAppeared == nil {
		t.Fatal(e)
	}
	if e := next(t, s); e.CaughtUp == nil {
		t.Fatal(e)
	}
	if _, err := c.TombstoneStream(testContext(t), "s", esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Revision(0)}); err != nil {
		t.Fatal(err)
	}
	if e := next(t, s); e.EventAppeared == nil || e.EventAppeared.Event.EventType != "$streamDeleted" {
		t.Fatal(e)
	}
	if e := next(t, s); e.SubscriptionDropped == nil || status.Code(e.SubscriptionDropped.Error) != codes.FailedPrecondition {
		t.Fatal(e)
	}
	if _, err := c.SubscribeToStream(testContext(t), "s", esdb.SubscribeToStreamOptions{From: esdb.Start{}}); errorCode(err) != esdb.ErrorCodeStreamDeleted {
		t.Fatal(err)
	}
}
