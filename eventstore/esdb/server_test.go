package esdb

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"maps"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// oddServer is a server that behaves as the embedded node never does. It holds no log.
type oddServer struct {
	streams.UnimplementedStreamsServer
	serverfeatures.UnimplementedServerFeaturesServer

	batch  bool                                                         // announce BatchAppend
	answer func(*streams.BatchAppendReq) *streams.BatchAppendResp       // nil for silence
	unary  func(stream string, events int) (*streams.AppendResp, error) // blocks as long as it likes
	read   func(*streams.ReadReq, streams.Streams_ReadServer) error

	mu    sync.Mutex
	users map[string]bool // authorization headers seen
	seen  int             // appends received
}

// serve starts it and gives its address.
func (o *oddServer) serve(t *testing.T, options ...grpc.ServerOption) string {
	t.Helper()
	o.users = map[string]bool{}
	note := func(ctx context.Context) {
		md, _ := metadata.FromIncomingContext(ctx)
		o.mu.Lock()
		defer o.mu.Unlock()
		for _, a := range md.Get("authorization") {
			o.users[a] = true
		}
	}
	options = append(options,
		grpc.UnaryInterceptor(func(ctx context.Context, r any, _ *grpc.UnaryServerInfo, h grpc.UnaryHandler) (any, error) {
			note(ctx)
			return h(ctx, r)
		}),
		grpc.StreamInterceptor(func(s any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, h grpc.StreamHandler) error {
			note(ss.Context())
			return h(s, ss)
		}))
	server := grpc.NewServer(options...)
	streams.RegisterStreamsServer(server, o)
	serverfeatures.RegisterServerFeaturesServer(server, o)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	return l.Addr().String()
}

func (o *oddServer) GetSupportedMethods(context.Context, *shared.Empty) (*serverfeatures.SupportedMethods, error) {
	m := &serverfeatures.SupportedMethods{EventStoreServerVersion: "24.10.0"}
	if o.batch {
		m.Methods = []*serverfeatures.SupportedMethod{{
			ServiceName: "event_store.client.streams.streams", MethodName: "batchappend", Features: []string{"deadline_duration"},
		}}
	}
	return m, nil
}

func (o *oddServer) BatchAppend(call streams.Streams_BatchAppendServer) error {
	for {
		r, err := call.Recv()
		if err != nil {
			return err
		}
		o.mu.Lock()
		o.seen++
		o.mu.Unlock()
		if o.answer == nil {
			continue
		}
		a := o.answer(r)
		a.CorrelationId = r.GetCorrelationId()
		if err := call.Send(a); err != nil {
			return err
		}
	}
}

func (o *oddServer) Append(call streams.Streams_AppendServer) error {
	var name string
	events := 0
	for {
		r, err := call.Recv()
		if err != nil {
			break
		}
		if options := r.GetOptions(); options != nil {
			name = string(options.GetStreamIdentifier().GetStreamName())
		} else {
			events++
		}
	}
	o.mu.Lock()
	o.seen++
	o.mu.Unlock()
	answer, err := o.unary(name, events)
	if err != nil {
		return err
	}
	return call.SendAndClose(answer)
}

func (o *oddServer) Read(r *streams.ReadReq, call streams.Streams_ReadServer) error {
	if o.read != nil {
		return o.read(r, call)
	}
	return call.Send(&streams.ReadResp{Content: &streams.ReadResp_StreamNotFound_{StreamNotFound: &streams.ReadResp_StreamNotFound{
		StreamIdentifier: r.GetOptions().GetStream().GetStreamIdentifier(),
	}}})
}

func (o *oddServer) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.seen
}

func (o *oddServer) authorized() map[string]bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.users)
}

func success(revision, position uint64) *streams.AppendResp {
	return &streams.AppendResp{Result: &streams.AppendResp_Success_{Success: &streams.AppendResp_Success{
		CurrentRevisionOption: &streams.AppendResp_Success_CurrentRevision{CurrentRevision: revision},
		PositionOption:        &streams.AppendResp_Success_Position{Position: &streams.AppendResp_Position{CommitPosition: position, PreparePosition: position}},
	}}}
}

func batchSuccess(position uint64) *streams.BatchAppendResp {
	s := &streams.BatchAppendResp_Success{PositionOption: &streams.BatchAppendResp_Success_NoPosition{}}
	if position > 0 {
		s.PositionOption = &streams.BatchAppendResp_Success_Position{Position: &shared.AllStreamPosition{CommitPosition: position, PreparePosition: position}}
	}
	return &streams.BatchAppendResp{Result: &streams.BatchAppendResp_Success_{Success: s}}
}

var errDenied = status.Error(codes.PermissionDenied, "Access Denied")

// certificate makes a certificate for 127.0.0.1 and gives the server's option and the file that trusts it.
func certificate(t *testing.T) (grpc.ServerOption, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "node"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return grpc.Creds(credentials.NewServerTLSFromCert(&tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key})), file
}

func structured(id uuid.UUID) *shared.UUID {
	return &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{
		MostSignificantBits:  int64(binary.BigEndian.Uint64(id[:8])), //nolint:gosec // the bits are what counts
		LeastSignificantBits: int64(binary.BigEndian.Uint64(id[8:])), //nolint:gosec // the bits are what counts
	}}}
}
