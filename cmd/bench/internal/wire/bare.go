package wire

import (
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
)

// Bare is a server that answers every read with the same messages: as fast as gRPC can be on this machine.
type Bare struct {
	server   *grpc.Server
	listener net.Listener
	answers  []message
}

// NewBare starts it.
func NewBare(answers [][]byte) (*Bare, error) {
	b := &Bare{server: grpc.NewServer(
		grpc.ForceServerCodecV2(codec{encoding.GetCodecV2(proto.Name)}),
		grpc.InitialWindowSize(1<<20), grpc.InitialConnWindowSize(4<<20), grpc.ReadBufferSize(64<<10), grpc.WriteBufferSize(64<<10),
	)}
	for _, a := range answers {
		b.answers = append(b.answers, message{a})
	}
	var err error
	if b.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil { //nolint:noctx // takes no time
		return nil, err
	}
	b.server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "event_store.client.streams.Streams", HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{{StreamName: "Read", ServerStreams: true, Handler: b.read}},
	}, b)
	go func() { _ = b.server.Serve(b.listener) }()
	return b, nil
}

// Address is where it listens.
func (b *Bare) Address() string { return b.listener.Addr().String() }

// Close stops it.
func (b *Bare) Close() { b.server.Stop() }

func (b *Bare) read(_ any, call grpc.ServerStream) error {
	var request message
	if err := call.RecvMsg(&request); err != nil {
		return err
	}
	for i := range b.answers {
		if err := call.SendMsg(&b.answers[i]); err != nil {
			return err
		}
	}
	return nil
}
