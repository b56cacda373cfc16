package wire

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/google/uuid"
	"google.golang.org/grpc"

	"avportal/eventstore"
)

// Event is one event to be appended.
type Event struct {
	ID             uuid.UUID
	Type           string
	Data, Metadata []byte
}

// Appender is one BatchAppend call that a fixed number of writers share. Each writer has one append under way at most.
type Appender struct {
	conn    *grpc.ClientConn
	call    grpc.ClientStream
	cancel  context.CancelFunc
	sending sync.Mutex
	writers []writer
	ended   chan struct{}
}

type writer struct {
	message message // as it was sent; the node's answer says that it was read
	parts   [4][]byte
	answer  chan error
}

// NewAppender connects to a node.
func NewAppender(ctx context.Context, address string, writers int) (*Appender, error) {
	conn, err := dial(address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	call, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, "/event_store.client.streams.Streams/BatchAppend")
	if err != nil {
		cancel()
		return nil, errors.Join(err, conn.Close())
	}
	a := &Appender{conn: conn, call: call, cancel: cancel, writers: make([]writer, writers), ended: make(chan struct{})}
	for i := range a.writers {
		a.writers[i].answer = make(chan error, 1)
	}
	go a.receive()
	return a, nil
}

// Close ends the call.
func (a *Appender) Close() error {
	a.cancel()
	<-a.ended
	return a.conn.Close()
}

// Append writes events to a stream and waits until they are durable.
func (a *Appender) Append(w int, stream string, after eventstore.Revision, events ...Event) error {
	own := &a.writers[w]
	own.encode(w, stream, after, events)
	a.sending.Lock()
	err := a.call.SendMsg(&own.message)
	a.sending.Unlock()
	if err != nil {
		return err
	}
	select {
	case err = <-own.answer:
		return err
	case <-a.ended:
		return errors.New("wire: the call has ended")
	}
}

// The field numbers are those of BatchAppendReq and of what stands in it.
func (w *writer) encode(number int, stream string, after eventstore.Revision, events []Event) {
	options, proposed, inner := w.parts[0][:0], w.parts[1][:0], w.parts[2][:0]
	b := appendCorrelation(w.message.data[:0], number)
	inner = append(appendTag(inner, 3, len(stream)), stream...)
	options = appendBytes(options, 1, inner)
	if after == eventstore.NoStream {
		options = appendBytes(options, 3, nil)
	} else {
		options = appendVarint(options, 2, uint64(after))
	}
	b = appendBytes(b, 2, options)
	for i := range events {
		e := &events[i]
		proposed = appendUUID(proposed[:0], 1, binary.BigEndian.Uint64(e.ID[:8]), binary.BigEndian.Uint64(e.ID[8:]))
		proposed = w.property(proposed, "type", e.Type)
		proposed = w.property(proposed, "content-type", "application/json")
		proposed = appendBytes(proposed, 3, e.Metadata)
		proposed = appendBytes(proposed, 4, e.Data)
		b = appendBytes(b, 3, proposed)
	}
	w.message.data = appendVarint(b, 4, 1)
	w.parts[0], w.parts[1], w.parts[2] = options, proposed, inner
}

func (w *writer) property(dst []byte, key, text string) []byte {
	b := append(appendTag(w.parts[3][:0], 1, len(key)), key...)
	b = append(appendTag(b, 2, len(text)), text...)
	w.parts[3] = b
	return appendBytes(dst, 2, b)
}

func appendTag(dst []byte, number, length int) []byte {
	return binary.AppendUvarint(append(dst, byte(number<<3|2)), uint64(length)) //nolint:gosec // lengths are not negative
}

func appendCorrelation(dst []byte, number int) []byte {
	return appendUUID(dst, 1, 0, uint64(number)) //nolint:gosec // there are few writers
}

func appendUUID(dst []byte, number int, most, least uint64) []byte {
	var space [24]byte
	structured := appendVarint(appendVarint(space[:0], 1, most), 2, least)
	dst = appendTag(dst, number, len(structured)+2)
	return append(appendTag(dst, 1, len(structured)), structured...)
}

func (a *Appender) receive() {
	defer close(a.ended)
	var m message
	for {
		if err := a.call.RecvMsg(&m); err != nil {
			return
		}
		number, err := outcome(m.data)
		if number >= uint64(len(a.writers)) {
			return
		}
		a.writers[number].answer <- err
	}
}

// outcome reads a BatchAppendResp: which writer it is for, and whether it tells of success.
func outcome(answer []byte) (number uint64, err error) {
	success := false
	malformed := each(answer, func(f field) error {
		switch f.number {
		case 1:
			return each(f.content, func(f field) error {
				return each(f.content, func(f field) error {
					if f.number == 2 {
						number = f.varint
					}
					return nil
				})
			})
		case 2:
			err = fmt.Errorf("wire: the node refused an append: %q", f.content)
		case 3:
			success = true
		}
		return nil
	})
	if err == nil && (malformed != nil || !success) {
		err = errMalformed
	}
	return number, err
}
