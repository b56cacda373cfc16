package logtool_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"avportal/eventstore/logtool"
	"avportal/eventstore/node"
)

// copyVariable makes the test binary copy "from to" until it is done or killed.
const copyVariable = "AVPORTAL_LOGTOOL_TEST_COPY"

func TestMain(m *testing.M) {
	if from, to, ok := strings.Cut(os.Getenv(copyVariable), " "); ok {
		if _, err := logtool.Copy(context.Background(), logtool.CopyConfig{From: from, To: to}); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func connect(tb testing.TB, n *node.Node) *esdb.Client {
	tb.Helper()
	config, err := esdb.ParseConnectionString(n.ConnectionString())
	if err != nil {
		tb.Fatal(err)
	}
	config.Logger = esdb.NoopLogging()
	c, err := esdb.NewClient(config)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Error(err)
		}
	})
	return c
}

func event(text string) esdb.EventData {
	return esdb.EventData{
		EventID: uuid.New(), EventType: "happened", ContentType: esdb.ContentTypeJson,
		Data: fmt.Appendf(nil, `{"text":%q}`, text), Metadata: []byte(`{"$correlationId":"` + text + `"}`),
	}
}

func appendTo(tb testing.TB, c *esdb.Client, stream string, events ...esdb.EventData) {
	tb.Helper()
	if _, err := c.AppendToStream(context.Background(), stream, esdb.AppendToStreamOptions{}, events...); err != nil {
		tb.Fatal(err)
	}
}

// fill writes a log with everything that a log may hold.
func fill(tb testing.TB, c *esdb.Client, events int) {
	tb.Helper()
	ctx := context.Background()
	must := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 8 {
		appendTo(tb, c, fmt.Sprintf("order-%d", i), event("first"))
	}
	for left := events; left > 0; {
		n := min(left, 1+rng.IntN(5))
		var batch []esdb.EventData
		for range n {
			batch = append(batch, event(fmt.Sprint(left)))
		}
		appendTo(tb, c, fmt.Sprintf("order-%d", rng.IntN(40)), batch...)
		left -= n
	}
	binary := event("b")
	binary.ContentType, binary.Data, binary.Metadata, binary.EventType = esdb.ContentTypeBinary, []byte{0, 1, 255}, nil, "Ünï côdé"
	appendTo(tb, c, "binary-1", binary, esdb.EventData{EventID: uuid.New(), EventType: "empty"})
	appendTo(tb, c, "links-1", esdb.EventData{EventID: uuid.New(), EventType: "$>", Data: []byte("0@binary-1")})
	meta := esdb.StreamMetadata{}
	meta.SetMaxCount(3)
	_, err := c.SetStreamMetadata(ctx, "order-1", esdb.AppendToStreamOptions{}, meta)
	must(err)
	// Deleted and written again, twice; with one event and with several.
	for range 2 {
		_, err = c.DeleteStream(ctx, "order-2", esdb.DeleteStreamOptions{})
		must(err)
		appendTo(tb, c, "order-2", event("again"), event("and again"))
	}
	_, err = c.DeleteStream(ctx, "order-3", esdb.DeleteStreamOptions{})
	must(err)
	_, err = c.SetStreamMetadata(ctx, "order-3", esdb.AppendToStreamOptions{}, meta) // which ends the deletion, too
	must(err)
	_, err = c.DeleteStream(ctx, "order-4", esdb.DeleteStreamOptions{}) // and stays deleted
	must(err)
	_, err = c.TombstoneStream(ctx, "order-5", esdb.TombstoneStreamOptions{})
	must(err)
	_, err = c.TombstoneStream(ctx, "never-was", esdb.TombstoneStreamOptions{})
	must(err)
	truncated := esdb.StreamMetadata{}
	truncated.SetTruncateBefore(2)
	_, err = c.SetStreamMetadata(ctx, "order-6", esdb.AppendToStreamOptions{}, truncated)
	must(err)
	appendTo(tb, c, "order-6", event("after"))
}

func copyLog(tb testing.TB, from, to *node.Node) logtool.CopyResult {
	tb.Helper()
	result, err := logtool.Copy(context.Background(), logtool.CopyConfig{From: from.ConnectionString(), To: to.ConnectionString()})
	if err != nil {
		tb.Fatal(err)
	}
	return result
}

// read gives the events of a stream as text, without positions and times.
func read(tb testing.TB, c *esdb.Client, stream string) (all []string) {
	tb.Helper()
	r, err := c.ReadStream(context.Background(), stream, esdb.ReadStreamOptions{}, 1_000_000)
	if err != nil {
		return []string{err.Error()}
	}
	defer r.Close()
	for {
		e, err := r.Recv()
		if err != nil {
			return append(all, strings.ReplaceAll(err.Error(), "EOF", "")) // the end, or that it is deleted
		}
		o := e.OriginalEvent()
		id := o.EventID.String()
		if o.EventType == "$>" && o.ContentType != "" && strings.HasPrefix(stream, "$") {
			id = "" // the server's
		}
		all = append(all, fmt.Sprintf("%d %s %s %s %s %s", o.EventNumber, id, o.EventType, o.ContentType, o.Data, o.UserMetadata))
	}
}

// sameStreams compares what clients see.
func sameStreams(tb testing.TB, a, b *esdb.Client) {
	tb.Helper()
	streams := []string{"$ce-order", "$ce-binary", "$bc-again", "binary-1", "links-1", "never-was", "$$order-1"}
	for i := range 40 {
		streams = append(streams, fmt.Sprintf("order-%d", i))
	}
	for _, stream := range streams {
		x, y := strings.Join(read(tb, a, stream), "\n"), strings.Join(read(tb, b, stream), "\n")
		if x != y {
			tb.Errorf("stream %s:\n%s\n\nand\n%s", stream, x, y)
		}
	}
}
