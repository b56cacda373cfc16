package node_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"avportal/eventstore/node"
	"avportal/eventstore/node/nodetest"
)

// revisions lists the revisions of the original events.
func revisions(all []*esdb.ResolvedEvent) string {
	var s []string
	for _, e := range all {
		s = append(s, fmt.Sprint(e.OriginalEvent().EventNumber))
	}
	return strings.Join(s, " ")
}

func TestReadStreamFromEitherEnd(t *testing.T) {
	c := connect(t, nodetest.StartMem(t))
	appendTo(t, c, "s", esdb.NoStream{}, events(0, 3)...)
	appendTo(t, c, "s", esdb.Revision(2), events(3, 2)...)
	appendTo(t, c, "s-neighbor", esdb.NoStream{}, events(0, 3)...)
	for _, test := range []struct {
		direction esdb.Direction
		from      esdb.StreamPosition
		count     uint64
		want      string
	}{
		{esdb.Forwards, esdb.Start{}, 100, "0 1 2 3 4"},
		{esdb.Forwards, esdb.Start{}, 2, "0 1"},
		{esdb.Forwards, esdb.Revision(3), 100, "3 4"},
		{esdb.Forwards, esdb.Revision(5), 100, ""},
		{esdb.Forwards, esdb.Revision(math.MaxUint64 - 1), 100, ""},
		{esdb.Forwards, esdb.End{}, 100, ""},
		{esdb.Forwards, esdb.Start{}, 0, ""},
		{esdb.Backwards, esdb.End{}, 100, "4 3 2 1 0"},
		{esdb.Backwards, esdb.End{}, 2, "4 3"},
		{esdb.Backwards, esdb.Revision(2), 100, "2 1 0"},
		{esdb.Backwards, esdb.Revision(9), 100, "4 3 2 1 0"},
		{esdb.Backwards, esdb.Start{}, 100, "0"},
	} {
		got := revisions(readStream(t, c, "s", esdb.ReadStreamOptions{Direction: test.direction, From: test.from}, test.count))
		if got != test.want {
			t.Errorf("direction %d from %v, %d events: %q, want %q", test.direction, test.from, test.count, got, test.want)
		}
	}
}

func TestReadsGoOnOverPages(t *testing.T) {
	c := connect(t, nodetest.StartMem(t))
	const n = 5000
	for i := 0; i < n; i += 500 {
		appendTo(t, c, "s", esdb.Any{}, events(i, 500)...)
	}
	forwards := readStream(t, c, "s", esdb.ReadStreamOptions{}, n+10)
	backwards := readStream(t, c, "s", esdb.ReadStreamOptions{Direction: esdb.Backwards, From: esdb.End{}}, n+10)
	all := readAll(t, c, esdb.ReadAllOptions{From: esdb.Start{}}, math.MaxUint64)
	allBackwards := readAll(t, c, esdb.ReadAllOptions{From: esdb.End{}, Direction: esdb.Backwards}, math.MaxUint64)
	slices.Reverse(backwards)
	slices.Reverse(allBackwards)
	if len(forwards) != n || len(backwards) != n || len(all) != n+4 || len(allBackwards) != n+4 {
		t.Fatal(len(forwards), len(backwards), len(all), len(allBackwards))
	}
	for i := range forwards {
		if forwards[i].Event.EventNumber != uint64(i) || backwards[i].Event.EventID != forwards[i].Event.EventID ||
			all[i+4].Event.EventID != forwards[i].Event.EventID || allBackwards[i+4].Event.EventID != forwards[i].Event.EventID {
			t.Fatalf("event %d differs", i)
		}
	}
}

func TestReadAllStartsWhereThePositionSays(t *testing.T) {
	c := connect(t, nodetest.StartMem(t))
	// Each of these events brings a link, so that positions of links are read from, too.
	appendTo(t, c, "cat-1", esdb.NoStream{}, events(0, 4)...)
	all := readAll(t, c, esdb.ReadAllOptions{From: esdb.Start{}}, 100)
	if len(all) != 4+8 {
		t.Fatalf("%d events", len(all))
	}
	for i, e := range all {
		position := e.OriginalEvent().Position
		forwards := readAll(t, c, esdb.ReadAllOptions{From: position}, 100)
		if len(forwards) != len(all)-i || forwards[0].OriginalEvent().EventID != e.OriginalEvent().EventID {
			t.Fatalf("forwards from event %d: %d events", i, len(forwards))
		}
		backwards := readAll(t, c, esdb.ReadAllOptions{From: position, Direction: esdb.Backwards}, 100)
		if len(backwards) != i || i > 0 && backwards[0].OriginalEvent().EventID != all[i-1].OriginalEvent().EventID {
			t.Fatalf("backwards from event %d: %d events", i, len(backwards))
		}
	}
}

func TestReadOfMissingAndDeletedStreams(t *testing.T) {
	c := connect(t, nodetest.StartMem(t))
	for state, want := range map[string]esdb.ErrorCode{
		"missing": esdb.ErrorCodeResourceNotFound, "soft-deleted": esdb.ErrorCodeResourceNotFound,
		"only metadata": esdb.ErrorCodeResourceNotFound, "tombstoned": esdb.ErrorCodeStreamDeleted,
	} {
		t.Run(state, func(t *testing.T) {
			stream := "s-" + uuid.NewString()
			streamStates[state](t, c, stream)
			for _, direction := range []esdb.Direction{esdb.Forwards, esdb.Backwards} {
				s, err := c.ReadStream(testContext(t), stream, esdb.ReadStreamOptions{Direction: direction, From: esdb.End{}}, 10)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := s.Recv(); errorCode(err) != want {
					t.Errorf("got %v", err)
				}
				s.Close()
			}
		})
	}
}

func TestMetadataDecidesWhatIsVisible(t *testing.T) {
	now := time.Now()
	clock := func() time.Time { return now }
	n := nodetest.StartWith(t, node.Config{Dir: t.TempDir(), Now: clock})
	c := connect(t, n)
	for _, test := range []struct{ metadata, want string }{
		{`{}`, "0 1 2 3 4 5"},
		{`{"$tb":2}`, "2 3 4 5"},
		{`{"$maxCount":2}`, "4 5"},
		{`{"$maxCount":2,"$tb":5}`, "5"},
		{`{"$maxCount":100}`, "0 1 2 3 4 5"},
		{`{"$tb":6}`, ""},
		{`{"$maxAge":60}`, "3 4 5"},
		{`{"$maxAge":60,"$maxCount":1}`, "5"},
		{`{"$maxAge":1}`, ""},
		{`not json`, "0 1 2 3 4 5"},
		{`{"$maxCount":"two"}`, "0 1 2 3 4 5"},
		{`{"$maxCount":-1,"$tb":-7,"$maxAge":-1}`, "0 1 2 3 4 5"},
		{`[1]`, "0 1 2 3 4 5"},
	} {
		t.Run(test.metadata, func(t *testing.T) {
			start := now
			stream := "s-" + uuid.NewString()
			appendTo(t, c, stream, esdb.NoStream{}, events(0, 3)...)
			now = now.Add(100 * time.Second)
			appendTo(t, c, stream, esdb.Revision(2), events(3, 3)...)
			setMetadata(t, c, stream, test.metadata)
			now = now.Add(10 * time.Second)
			if got := revisions(readStream(t, c, stream, esdb.ReadStreamOptions{}, 100)); got != test.want {
				t.Errorf("forwards %q, want %q", got, test.want)
			}
			back := readStream(t, c, stream, esdb.ReadStreamOptions{Direction: esdb.Backwards, From: esdb.End{}}, 100)
			slices.Reverse(back)
			if got := revisions(back); got != test.want {
				t.Errorf("backwards %q, want %q", got, test.want)
			}
			now = start
		})
	}
	if total := len(readAll(t, c, esdb.ReadAllOptions{From: esdb.Start{}}, 1000)); total != 4+13*(6*2+1) {
		t.Errorf("$all hides events: %d", total)
	}
}

func TestMetadataStreamKeepsTheLastEvent(t *testing.T) {
	c := connect(t, nodetest.StartMem(t))
	setMetadata(t, c, "s", `{"a":1}`)
	setMetadata(t, c, "s", `{"a":2}`)
	got := readStream(t, c, "$$s", esdb.ReadStreamOptions{}, 10)
	if len(got) != 1 || got[0].Event.EventNumber != 1 || string(got[0].Event.Data) != `{"a":2}` {
		t.Fatalf("%d events", len(got))
	}
	m, err := c.GetStreamMetadata(testContext(t), "s", esdb.ReadStreamOptions{})
	if err != nil || m.CustomProperty("a") == nil {
		t.Fatal(m, err)
	}
}

func TestLinksAreResolved(t *testing.T) {
	c := connect(t, nodetest.StartMem(t))
	appendTo(t, c, "cat-1", esdb.NoStream{}, events(0, 3)...)
	link := func(to string) esdb.EventData {
		return esdb.EventData{EventID: uuid.New(), EventType: "$>", ContentType: esdb.ContentTypeBinary, Data: []byte(to)}
	}
	appendTo(t, c, "links", esdb.NoStream{}, link("1@cat-1"), link("7@cat-1"), link("0@nowhere"), link("nonsense"), link("2@cat-1"))
	got := readStream(t, c, "links", esdb.ReadStreamOptions{ResolveLinkTos: true}, 10)
	if len(got) != 5 {
		t.Fatalf("%d events", len(got))
	}
	for i, want := range []int{1, -1, -1, -1, 2} {
		e := got[i]
		switch {
		case e.Link == nil || e.Link.EventNumber != uint64(i):
			t.Errorf("link %d: %+v", i, e.Link)
		case want < 0 && e.Event != nil:
			t.Errorf("link %d leads to %+v", i, e.Event)
		case want >= 0 && (e.Event == nil || e.Event.EventNumber != uint64(want) || e.Event.StreamID != "cat-1"):
			t.Errorf("link %d leads to %+v", i, e.Event)
		case e.Commit == nil || *e.Commit != e.Link.Position.Commit:
			t.Errorf("link %d: commit position %v", i, e.Commit)
		}
	}
	if got = readStream(t, c, "links", esdb.ReadStreamOptions{}, 1); got[0].Link != nil || string(got[0].Event.Data) != "1@cat-1" {
		t.Errorf("unresolved: %+v", got[0])
	}
	category := readStream(t, c, "$ce-cat", esdb.ReadStreamOptions{ResolveLinkTos: true, Direction: esdb.Backwards, From: esdb.End{}}, 10)
	if len(category) != 3 || category[0].Event.EventNumber != 2 || category[0].Link.EventType != "$>" || category[0].Link.StreamID != "$ce-cat" {
		t.Errorf("category: %d events", len(category))
	}
	if _, err := c.TombstoneStream(testContext(t), "cat-1", esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
		t.Fatal(err)
	}
	if got = readStream(t, c, "links", esdb.ReadStreamOptions{ResolveLinkTos: true}, 1); got[0].Event != nil {
		t.Error("a link into a tombstoned stream leads somewhere")
	}
}

func TestRecordedEventsCarryWhatWasSent(t *testing.T) {
	before := time.Now().Add(-time.Second)
	c := connect(t, nodetest.StartMem(t))
	sent := esdb.EventData{EventID: uuid.New(), EventType: "ünïcödé", ContentType: esdb.ContentTypeBinary, Data: []byte{0, 255, 1}, Metadata: []byte("not json")}
	r := appendTo(t, c, "strøm", esdb.NoStream{}, sent)
	e := readStream(t, c, "strøm", esdb.ReadStreamOptions{}, 1)[0].Event
	if e.EventID != sent.EventID || e.EventType != sent.EventType || string(e.Data) != string(sent.Data) || string(e.UserMetadata) != string(sent.Metadata) ||
		e.StreamID != "strøm" || e.Position.Commit != r.CommitPosition || e.Position.Prepare != r.PreparePosition || e.CreatedDate.Before(before) || e.CreatedDate.After(time.Now().Add(time.Second)) {
		t.Fatalf("%+v", e)
	}
	if len(e.SystemMetadata) != 3 {
		t.Fatalf("system metadata %v", e.SystemMetadata)
	}
}
