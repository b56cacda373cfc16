package esdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"avportal/eventstore"
	"avportal/eventstore/node/nodetest"
	"avportal/eventstore/storetest"
)

func appendOne(t *testing.T, s *Store, limit time.Duration) (eventstore.Appended, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	began := time.Now()
	a, err := s.Append(ctx, stream("odd", 0), eventstore.NoStream, proposals(2))
	if took := time.Since(began); took > limit+2*time.Second {
		t.Errorf("an append with %v to go took %v", limit, took)
	}
	return a, err
}

func TestServerWithoutBatchAppend(t *testing.T) {
	o := &oddServer{unary: func(_ string, events int) (*streams.AppendResp, error) { return success(uint64(events-1), 77), nil }}
	s := open(t, Config{ConnectionString: "esdb://" + o.serve(t) + "?tls=false"})
	a, err := appendOne(t, s, 5*time.Second)
	if want := (eventstore.Appended{Revision: 1, Position: eventstore.Position{Commit: 77, Prepare: 77}}); err != nil || a != want {
		t.Errorf("appended at %v, %v, want %v", a, err, want)
	}
}

// TLS and credentials of the connection string hold for both connections, and nothing is sent in clear.
func TestTLSAndCredentials(t *testing.T) {
	secure, ca := certificate(t)
	for _, batch := range []bool{true, false} {
		o := &oddServer{
			batch:  batch,
			answer: func(*streams.BatchAppendReq) *streams.BatchAppendResp { return batchSuccess(5) },
			unary:  func(string, int) (*streams.AppendResp, error) { return success(1, 5), nil },
		}
		address := o.serve(t, secure)
		s := open(t, Config{ConnectionString: "esdb://admin:changeit@" + address + "?tls=true&tlsCaFile=" + ca})
		if _, err := appendOne(t, s, 5*time.Second); err != nil {
			t.Errorf("append over TLS, batch %v: %v", batch, err)
		}
		if users := o.authorized(); len(users) != 1 || !users["Basic YWRtaW46Y2hhbmdlaXQ="] {
			t.Errorf("credentials on the wire: %v", users)
		}
		stranger := open(t, Config{ConnectionString: "esdb://" + address + "?tls=true"})
		if _, err := appendOne(t, stranger, 500*time.Millisecond); !errors.Is(err, eventstore.ErrUnavailable) || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("append to a server with an unknown certificate: %v", err)
		}
	}
}

func TestDiscoveryFindsTheLeader(t *testing.T) {
	n := nodetest.StartMem(t)
	for _, connection := range []string{"esdb+discover://%s?tls=false", "esdb://127.0.0.1:1,%s?tls=false"} {
		s := open(t, Config{ConnectionString: fmt.Sprintf(connection, n.Addr())})
		if _, err := appendOne(t, s, 10*time.Second); err != nil {
			t.Errorf("%s: %v", connection, err)
		}
		if head, err := s.Head(context.Background()); err != nil || head.IsZero() {
			t.Errorf("%s: head %v, %v", connection, head, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	answer := func(code codes.Code, detail proto.Message) *streams.BatchAppendResp {
		packed, err := anypb.New(detail)
		if err != nil {
			t.Fatal(err)
		}
		return &streams.BatchAppendResp{Result: &streams.BatchAppendResp_Error{Error: &rpcstatus.Status{Code: int32(code), Message: "no", Details: []*anypb.Any{packed}}}}
	}
	var next *streams.BatchAppendResp
	o := &oddServer{batch: true, answer: func(*streams.BatchAppendReq) *streams.BatchAppendResp {
		return proto.Clone(next).(*streams.BatchAppendResp)
	}}
	s := open(t, Config{ConnectionString: "esdb://" + o.serve(t) + "?tls=false"})
	for _, c := range []struct {
		name   string
		answer *streams.BatchAppendResp
		want   error // nil for a refusal that is none of the known ones
	}{
		{"wrong version", answer(codes.AlreadyExists, &shared.WrongExpectedVersion{}), eventstore.ErrConflict},
		{"too large", answer(codes.InvalidArgument, &shared.MaximumAppendSizeExceeded{MaxAppendSize: 7}), eventstore.ErrTooLarge},
		{"denied", answer(codes.PermissionDenied, &shared.AccessDenied{}), nil},
		{"deleted", answer(codes.NotFound, &shared.StreamDeleted{}), nil},
		{"bad request", answer(codes.InvalidArgument, &shared.BadRequest{}), nil},
		{"timeout", answer(codes.DeadlineExceeded, &shared.Timeout{}), eventstore.ErrUnavailable},
		{"unknown", answer(codes.Unknown, &shared.Unknown{}), eventstore.ErrUnavailable},
	} {
		next = c.answer
		before := o.count()
		_, err := appendOne(t, s, 300*time.Millisecond)
		known := errors.Is(err, eventstore.ErrConflict) || errors.Is(err, eventstore.ErrTooLarge) || errors.Is(err, eventstore.ErrUnavailable)
		if err == nil || c.want != nil && !errors.Is(err, c.want) || c.want == nil && known {
			t.Errorf("%s: %v", c.name, err)
		}
		if tries := o.count() - before; (tries > 1) != errors.Is(c.want, eventstore.ErrUnavailable) {
			t.Errorf("%s: tried %d times", c.name, tries)
		}
	}
	denied := &oddServer{unary: func(string, int) (*streams.AppendResp, error) { return nil, errDenied }}
	s = open(t, Config{ConnectionString: "esdb://" + denied.serve(t) + "?tls=false"})
	if _, err := appendOne(t, s, 5*time.Second); err == nil || errors.Is(err, eventstore.ErrUnavailable) || denied.count() != 1 {
		t.Errorf("denied: %v after %d tries", err, denied.count())
	}
}

// A repetition may be answered without a position; then it is read from the stream.
func TestPositionIsReadWhenMissing(t *testing.T) {
	o := &oddServer{batch: true, answer: func(*streams.BatchAppendReq) *streams.BatchAppendResp { return batchSuccess(0) }}
	o.read = func(r *streams.ReadReq, call streams.Streams_ReadServer) error {
		meta, err := eventstore.EncodeMetadata(eventstore.Metadata{Version: 1})
		if err != nil {
			return err
		}
		return call.Send(&streams.ReadResp{Content: &streams.ReadResp_Event{Event: &streams.ReadResp_ReadEvent{
			Event: &streams.ReadResp_ReadEvent_RecordedEvent{
				Id: structured(proposals(1)[0].ID), StreamIdentifier: r.GetOptions().GetStream().GetStreamIdentifier(),
				StreamRevision: r.GetOptions().GetStream().GetRevision(), CommitPosition: 42, PreparePosition: 42,
				Metadata:       map[string]string{"type": "storetest.noted", "content-type": "application/json", "created": "0"},
				CustomMetadata: meta, Data: []byte(`{}`),
			},
		}}})
	}
	s := open(t, Config{ConnectionString: "esdb://" + o.serve(t) + "?tls=false"})
	a, err := appendOne(t, s, 5*time.Second)
	if want := (eventstore.Appended{Revision: 1, Position: eventstore.Position{Commit: 42, Prepare: 42}}); err != nil || a != want {
		t.Errorf("appended at %v, %v, want %v", a, err, want)
	}
}

// A server that takes everything and answers nothing: deadlines are kept, the connection is given up, and no caller
// stays behind.
func TestSilence(t *testing.T) {
	hang := make(chan struct{})
	o := &oddServer{
		batch: true,
		unary: func(string, int) (*streams.AppendResp, error) { <-hang; return nil, errDenied },
		read:  func(*streams.ReadReq, streams.Streams_ReadServer) error { <-hang; return nil },
	}
	connection := "esdb://" + o.serve(t) + "?tls=false"
	defer close(hang)
	for _, unary := range []bool{false, true} {
		s := open(t, Config{ConnectionString: connection, CallTimeout: 200 * time.Millisecond})
		s.unary = unary
		before := o.count()
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				if _, err := appendOne(t, s, time.Second); !errors.Is(err, eventstore.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("append to a silent server: %v", err)
				}
			})
		}
		group.Wait()
		if tries := o.count() - before; tries < 40 {
			t.Errorf("20 appends were sent %d times in a second, with 200 ms for each", tries)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		for _, err := range s.Read(ctx, stream("odd", 0), eventstore.Start, eventstore.Forward, 0) {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("read from a silent server: %v", err)
			}
		}
		if _, err := s.Head(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("head of a silent server: %v", err)
		}
		cancel()
		eventually(t, "calls hang in the client", func() bool { return len(s.calls) == 0 })
	}
}

// Short deadlines of a few callers must not cost everybody the connection.
func TestImpatientCallersHarmNobody(t *testing.T) {
	n := nodetest.StartMem(t)
	var log strings.Builder
	s := open(t, Config{ConnectionString: n.ConnectionString(), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if _, err := appendOne(t, s, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Microsecond)
		if _, err := s.Append(ctx, stream("hasty", 0), eventstore.NoStream, proposals(1)); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		for _, err := range s.Read(ctx, stream("hasty", 0), eventstore.Start, eventstore.Forward, 0) {
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		}
		cancel()
	}
	if strings.Contains(log.String(), "given up") {
		t.Errorf("a connection was given up:\n%s", &log)
	}
}

func TestClose(t *testing.T) {
	n := nodetest.StartMem(t)
	s, err := Open(Config{ConnectionString: n.ConnectionString(), Registry: storetest.Registry()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := appendOne(t, s, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	subscribed, ended := make(chan struct{}), make(chan error)
	go func() {
		var last error
		for _, err := range s.Subscribe(context.Background(), eventstore.Position{}) {
			if last = err; err == nil {
				select {
				case <-subscribed:
				default:
					close(subscribed)
				}
			}
		}
		ended <- last
	}()
	<-subscribed
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for range 2 {
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	}
	if err := <-ended; !errors.Is(err, errClosed) {
		t.Errorf("the subscription ended with %v", err)
	}
	if _, err := appendOne(t, s, 5*time.Second); !errors.Is(err, errClosed) {
		t.Errorf("append to a closed store: %v", err)
	}
	if _, err := s.Head(ctx); !errors.Is(err, errClosed) {
		t.Errorf("head of a closed store: %v", err)
	}
}

// A server that is not there: callers wait as long as they like, and closing does not.
func TestServerIsAway(t *testing.T) {
	s, err := Open(Config{ConnectionString: "esdb://127.0.0.1:1?tls=false", Registry: storetest.Registry()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := appendOne(t, s, 300*time.Millisecond); !errors.Is(err, eventstore.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("append: %v", err)
	}
	waiting := make(chan error)
	go func() {
		_, err := s.Append(context.Background(), stream("away", 0), eventstore.NoStream, proposals(1))
		waiting <- err
	}()
	time.Sleep(50 * time.Millisecond) // it waits, or is about to
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
	if err := <-waiting; !errors.Is(err, errClosed) {
		t.Errorf("append while closing: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no registry":  {ConnectionString: "esdb://localhost"},
		"no string":    {Registry: storetest.Registry()},
		"other scheme": {ConnectionString: "postgres://localhost", Registry: storetest.Registry()},
		"half a key":   {ConnectionString: "esdb://localhost?userCertFile=/a", Registry: storetest.Registry()},
		"no such key":  {ConnectionString: "esdb://localhost?userCertFile=/a&userKeyFile=/b", Registry: storetest.Registry()},
	} {
		if _, err := Open(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
