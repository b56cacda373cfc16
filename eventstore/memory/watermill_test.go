package memory_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/google/uuid"

	"avportal/domain"
	"avportal/eventstore"
	"avportal/eventstore/memory"
	"avportal/eventstore/storetest"
)

// Watermill's own suite speaks of topics that one publishes to. Here a topic names a consumer of the one log there is,
// and nothing is ever published. So for the suite each topic gets a log of its own, publishing is appending, and
// batches of one event become messages with a payload.
//
// Three of its tests do not apply. TestReconnect restarts a broker by a shell command: the node is killed under load in
// package esdb. TestConsumerGroups: there are none; two subscribers with one name are two processes with the same
// view, both get everything, and what one has stored the other skips. TestNewSubscriberReceivesOldMessages: a new
// subscriber begins at the checkpoint of its name.
func TestWatermillSuite(t *testing.T) {
	logs := &topics{byName: map[string]*topic{}}
	connect := func(*testing.T) (message.Publisher, message.Subscriber) {
		return &publisher{topics: logs}, &payloads{topics: logs}
	}
	for name, test := range map[string]func(*testing.T, tests.TestContext, tests.PubSubConstructor){
		"PublishSubscribe":                  tests.TestPublishSubscribe,
		"ConcurrentSubscribe":               tests.TestConcurrentSubscribe,
		"ConcurrentSubscribeMultipleTopics": tests.TestConcurrentSubscribeMultipleTopics,
		"ResendOnError":                     tests.TestResendOnError,
		"NoAck":                             tests.TestNoAck,
		"ContinueAfterSubscribeClose":       tests.TestContinueAfterSubscribeClose,
		"ConcurrentClose":                   tests.TestConcurrentClose,
		"ContinueAfterErrors":               tests.TestContinueAfterErrors,
		"PublishSubscribeInOrder":           tests.TestPublishSubscribeInOrder,
		"PublisherClose":                    tests.TestPublisherClose,
		"Topic":                             tests.TestTopic,
		"MessageCtx":                        tests.TestMessageCtx,
		"SubscribeCtx":                      tests.TestSubscribeCtx,
	} {
		t.Run(name, func(t *testing.T) {
			features := tests.Features{GuaranteedOrder: true, GuaranteedOrderWithSingleSubscriber: true, Persistent: true, ForceShort: true}
			test(t, tests.TestContext{TestID: tests.NewTestID(), Features: features}, connect)
		})
	}
}

type topics struct {
	mu     sync.Mutex
	byName map[string]*topic
}

// topic is a log and how far its consumer has come.
type topic struct {
	log    *memory.Store
	stream domain.Stream

	mu  sync.Mutex
	end eventstore.Revision
	at  eventstore.Position
}

func (ts *topics) get(name string) *topic {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.byName[name] == nil {
		ts.byName[name] = &topic{
			log: memory.New(storetest.Registry()), end: eventstore.NoStream,
			stream: domain.Stream{Tenant: "0123456789abcdef0123456789abcdef", Kind: domain.KindJob, ID: "1"},
		}
	}
	return ts.byName[name]
}

func (tp *topic) Checkpoint(context.Context, string) (eventstore.Position, error) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	return tp.at, nil
}

// applied moves the checkpoint, as the transaction of a view would.
func (tp *topic) applied(b eventstore.Batch) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	if b.Last().Compare(tp.at) > 0 {
		tp.at = b.Last()
	}
}

type publisher struct {
	topics *topics
	mu     sync.Mutex
	closed bool
}

func (p *publisher) Publish(name string, messages ...*message.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errors.New("closed")
	}
	tp := p.topics.get(name)
	tp.mu.Lock()
	defer tp.mu.Unlock()
	for _, m := range messages {
		// The suite's ids, payloads and metadata go through the log in an event's text and metadata.
		text := m.UUID + "\x00" + string(m.Payload)
		for k, v := range m.Metadata {
			text += "\x00" + k + "\x01" + v
		}
		events := []eventstore.Proposed{{ID: uuid.New(), Event: storetest.Noted{Text: text}}}
		a, err := tp.log.Append(context.Background(), tp.stream, tp.end, events)
		if err != nil {
			return err
		}
		tp.end = a.Revision
	}
	return nil
}

func (p *publisher) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	return nil
}

// payloads is a Subscriber for each topic, whose messages it turns into the suite's.
type payloads struct {
	topics *topics
	mu     sync.Mutex
	used   []*eventstore.Subscriber
	group  sync.WaitGroup
	closed bool
}

func (p *payloads) Subscribe(ctx context.Context, name string) (<-chan *message.Message, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errors.New("closed")
	}
	tp := p.topics.get(name)
	s := &eventstore.Subscriber{Source: tp.log, Checkpoints: tp, MaxBatch: 1, Retry: eventstore.Backoff{Min: time.Millisecond, Max: 10 * time.Millisecond}}
	in, err := s.Subscribe(ctx, name)
	if err != nil {
		return nil, err
	}
	p.used = append(p.used, s)
	out := make(chan *message.Message)
	p.group.Go(func() {
		defer close(out)
		for m := range in {
			forward(m, tp, out)
		}
	})
	return out, nil
}

func (p *payloads) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	var err error
	for _, s := range p.used {
		err = errors.Join(err, s.Close())
	}
	p.group.Wait()
	return err
}

// forward hands on one message and carries its verdict back.
func forward(m *message.Message, tp *topic, out chan<- *message.Message) {
	b, _ := eventstore.BatchFrom(m.Context())
	suite := decodeText(b.Events[0].Event.(storetest.Noted).Text)
	suite.SetContext(m.Context())
	select {
	case out <- suite:
	case <-m.Context().Done():
		return
	}
	select {
	case <-suite.Acked():
		tp.applied(b)
		m.Ack()
	case <-suite.Nacked():
		m.Nack()
	case <-m.Context().Done():
	}
}

func decodeText(text string) *message.Message {
	parts := strings.Split(text, "\x00")
	m := message.NewMessage(parts[0], []byte(parts[1]))
	for _, pair := range parts[2:] {
		k, v, _ := strings.Cut(pair, "\x01")
		m.Metadata.Set(k, v)
	}
	return m
}
