package node_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"avportal/eventstore/node"
	"avportal/eventstore/node/nodetest"
)

// rawRead is a read without the official client, for options which that client never sends.
func rawRead(tb testing.TB, n *node.Node, o *streams.ReadReq_Options) ([]*streams.ReadResp, error) {
	tb.Helper()
	conn, err := grpc.NewClient(n.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close()
	call, err := streams.NewStreamsClient(conn).Read(testContext(tb), &streams.ReadReq{Options: o})
	if err != nil {
		tb.Fatal(err)
	}
	var got []*streams.ReadResp
	for {
		resp, err := call.Recv()
		if err != nil {
			return got, err
		}
		got = append(got, resp)
	}
}

func allOptions(change func(*streams.ReadReq_Options)) *streams.ReadReq_Options {
	o := &streams.ReadReq_Options{
		StreamOption: &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{AllOption: &streams.ReadReq_Options_AllOptions_Start{Start: &shared.Empty{}}}},
		CountOption:  &streams.ReadReq_Options_Count{Count: 1000},
		UuidOption:   &streams.ReadReq_Options_UUIDOption{Content: &streams.ReadReq_Options_UUIDOption_String_{String_: &shared.Empty{}}},
	}
	change(o)
	return o
}

func prefixFilter(byType bool, expression *streams.ReadReq_Options_FilterOptions_Expression) *streams.ReadReq_Options_FilterOptions {
	f := &streams.ReadReq_Options_FilterOptions{Window: &streams.ReadReq_Options_FilterOptions_Count{Count: &shared.Empty{}}, CheckpointIntervalMultiplier: 1}
	f.Filter = &streams.ReadReq_Options_FilterOptions_StreamIdentifier{StreamIdentifier: expression}
	if byType {
		f.Filter = &streams.ReadReq_Options_FilterOptions_EventType{EventType: expression}
	}
	return f
}

func TestReadRefusesImpossibleRequests(t *testing.T) {
	n := nodetest.StartMem(t)
	type options = streams.ReadReq_Options
	for name, change := range map[string]func(*options){
		"no options":     nil,
		"no stream":      func(o *options) { o.StreamOption = nil },
		"no count":       func(o *options) { o.CountOption = nil },
		"no form of ids": func(o *options) { o.UuidOption = nil },
		"subscription backwards": func(o *options) {
			o.CountOption = &streams.ReadReq_Options_Subscription{}
			o.ReadDirection = streams.ReadReq_Options_Backwards
		},
		"filter on a stream": func(o *options) {
			o.StreamOption = &streams.ReadReq_Options_Stream{Stream: &streams.ReadReq_Options_StreamOptions{StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte("s")}, RevisionOption: &streams.ReadReq_Options_StreamOptions_Start{}}}
			o.FilterOption = &streams.ReadReq_Options_Filter{Filter: prefixFilter(false, &streams.ReadReq_Options_FilterOptions_Expression{Prefix: []string{"a"}})}
		},
		"invalid regex": func(o *options) {
			o.FilterOption = &streams.ReadReq_Options_Filter{Filter: prefixFilter(false, &streams.ReadReq_Options_FilterOptions_Expression{Regex: "("})}
		},
		"empty filter": func(o *options) {
			o.FilterOption = &streams.ReadReq_Options_Filter{Filter: prefixFilter(false, &streams.ReadReq_Options_FilterOptions_Expression{})}
		},
		"checkpoint interval 0": func(o *options) {
			f := prefixFilter(false, &streams.ReadReq_Options_FilterOptions_Expression{Prefix: []string{"a"}})
			f.CheckpointIntervalMultiplier = 0
			o.FilterOption = &streams.ReadReq_Options_Filter{Filter: f}
		},
		"commit less than prepare": func(o *options) {
			o.StreamOption = &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{AllOption: &streams.ReadReq_Options_AllOptions_Position{Position: &streams.ReadReq_Options_Position{CommitPosition: 1, PreparePosition: 2}}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var o *options
			if change != nil {
				o = allOptions(change)
			}
			if _, err := rawRead(t, n, o); status.Code(err) != codes.InvalidArgument {
				t.Fatal(err)
			}
		})
	}
}

func TestReadAllWithFilter(t *testing.T) {
	n := nodetest.StartMem(t)
	c := connect(t, n)
	appendTo(t, c, "apple-1", esdb.NoStream{}, events(0, 2)...)
	appendTo(t, c, "pear-1", esdb.NoStream{}, events(1, 2)...)
	expression := func(regex string, prefixes ...string) *streams.ReadReq_Options_FilterOptions_Expression {
		return &streams.ReadReq_Options_FilterOptions_Expression{Regex: regex, Prefix: prefixes}
	}
	for _, test := range []struct {
		byType     bool
		expression *streams.ReadReq_Options_FilterOptions_Expression
		want       string
	}{
		{false, expression("", "apple"), "apple-1 apple-1"},
		{false, expression("", "apple", "pear"), "apple-1 apple-1 pear-1 pear-1"},
		{false, expression("", "$ce-a"), "$ce-apple $ce-apple"},
		{false, expression(`^[^\$].*`), "apple-1 apple-1 pear-1 pear-1"},
		{false, expression(`ear`), "pear-1 pear-1 $ce-pear $ce-pear"},
		{true, expression("", "type-1"), "apple-1 pear-1"},
		{true, expression(`^type-[02]$`), "apple-1 pear-1"},
		{true, expression("", "$>"), "$ce-apple $ce-apple $ce-pear $ce-pear"},
	} {
		got, err := rawRead(t, n, allOptions(func(o *streams.ReadReq_Options) {
			o.FilterOption = &streams.ReadReq_Options_Filter{Filter: prefixFilter(test.byType, test.expression)}
		}))
		if err.Error() != "EOF" {
			t.Fatal(err)
		}
		var names []string
		for _, resp := range got {
			e := resp.GetEvent().GetEvent()
			if _, err := uuid.Parse(e.GetId().GetString_()); err != nil {
				t.Errorf("id %v", e.GetId())
			}
			names = append(names, string(e.GetStreamIdentifier().GetStreamName()))
		}
		slices.SortStableFunc(names, func(a, b string) int { return strings.Compare(a[:1], b[:1]) })
		want := strings.Fields(test.want)
		slices.SortStableFunc(want, func(a, b string) int { return strings.Compare(a[:1], b[:1]) })
		if !slices.Equal(names, want) {
			t.Errorf("%v: %v, want %v", test.expression, names, want)
		}
	}
}
