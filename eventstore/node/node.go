package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	persistentproto "github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	projectionsproto "github.com/EventStore/EventStore-Client-Go/v4/protos/projections"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/cockroachdb/pebble/v2/vfs"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"avportal/eventstore/node/persistent"
	"avportal/eventstore/node/projections"
	"avportal/eventstore/node/storage"
)

// Config of a node. Dir is needed, the rest has defaults.
type Config struct {
	// Dir is the data folder. One process at a time may have it open.
	Dir string
	// Listen is a TCP address ("127.0.0.1:0", the default, takes a free port) or "unix:/path". Without TLS clients
	// send no credentials, so anything but loopback or a unix socket is open to the network.
	Listen string
	// TLS is the certificate with which the node shows who it is; nil for plaintext.
	TLS *tls.Config
	// Users who may use the node. Empty for everyone, and everyone may do everything.
	Users []User
	// MaxAppendSize bounds the bytes of one append; 0 for 1 MiB, as on EventStoreDB.
	MaxAppendSize int
	// Projections whose links are written with each event; nil for $by_category and $by_correlation_id.
	Projections []storage.Projection
	// MinFreeBytes is the free space on the disk below which appends are refused with RESOURCE_EXHAUSTED; they work
	// again when there is more. 0 for 256 MiB, negative for none.
	MinFreeBytes int64
	// Logger for what an operator should know; nil for none.
	Logger *slog.Logger
	// FS is where the files are; nil for the disk.
	FS vfs.FS
	// Now is the clock for the time stamps of events and for $maxAge; nil for the system clock.
	Now func() time.Time
}

const (
	defaultMaxAppendSize = 1 << 20
	maxMessageSize       = 16 << 20
	gracefulClose        = 5 * time.Second
)

func (c Config) withDefaults() Config {
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	if c.MaxAppendSize == 0 {
		c.MaxAppendSize = defaultMaxAppendSize
	}
	if c.Projections == nil {
		c.Projections = []storage.Projection{storage.ByCategory, storage.ByCorrelationID}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Node is a running node.
type Node struct {
	config      Config
	db          *storage.DB
	groups      *persistent.Groups
	projections *projections.Manager
	accounts    map[string]*account // nil on a node without users
	listener    net.Listener
	server      *grpc.Server
	closing     chan struct{}
	closeOnce   sync.Once
	closed      error
	served      chan error
}

// Open opens the log in the data folder and serves it. The context bounds the opening only.
func Open(ctx context.Context, c Config) (*Node, error) {
	c = c.withDefaults()
	accounts, err := newAccounts(c.Users, c.TLS != nil)
	if err != nil {
		return nil, err
	}
	db, err := storage.Open(storage.Options{
		Dir: c.Dir, FS: c.FS, Logger: c.Logger, Now: c.Now, Projections: c.Projections,
		MinFreeBytes: c.MinFreeBytes,
	})
	if err != nil {
		return nil, err
	}
	n := &Node{config: c, db: db, accounts: accounts, closing: make(chan struct{}), served: make(chan error, 1)}
	if err := n.start(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return n, nil
}

func (n *Node) start(ctx context.Context) (err error) {
	if err := n.writeFirstEvents(ctx); err != nil {
		return fmt.Errorf("prepare the log in %s: %w", n.config.Dir, err)
	}
	if n.groups, err = persistent.Open(n.db, n.config.Logger); err != nil {
		return err
	}
	if n.projections, err = projections.Open(n.db, n.config.Logger); err != nil {
		n.groups.Close()
		return err
	}
	defer func() {
		if err != nil {
			n.stopServices()
		}
	}()
	if n.listener, err = listen(ctx, n.config.Listen); err != nil {
		return fmt.Errorf("listen for EventStoreDB clients: %w", err)
	}
	transport := insecure.NewCredentials()
	if n.config.TLS != nil {
		transport = credentials.NewTLS(n.config.TLS)
	}
	n.server = grpc.NewServer(
		grpc.Creds(transport),
		grpc.UnaryInterceptor(n.authenticateUnary),
		grpc.StreamInterceptor(n.authenticateStream),
		grpc.ForceServerCodecV2(newCodec()),
		grpc.MaxRecvMsgSize(maxMessageSize),
		grpc.MaxSendMsgSize(maxMessageSize),
		grpc.InitialWindowSize(1<<20),
		grpc.InitialConnWindowSize(4<<20),
		grpc.ReadBufferSize(64<<10),
		grpc.WriteBufferSize(64<<10),
		// The official client pings every 10 s, also without calls; the default policy would cut it off.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 10 * time.Second, Timeout: 10 * time.Second}),
	)
	persistentproto.RegisterPersistentSubscriptionsServer(n.server, &persistentService{node: n})
	projectionsproto.RegisterProjectionsServer(n.server, &projectionsService{node: n})
	streams.RegisterStreamsServer(n.server, &streamsService{node: n})
	gossip.RegisterGossipServer(n.server, &gossipService{node: n})
	serverfeatures.RegisterServerFeaturesServer(n.server, &featuresService{node: n})
	go func() { n.served <- n.server.Serve(n.listener) }()
	return nil
}

// Addr is the address that the node listens on.
func (n *Node) Addr() net.Addr { return n.listener.Addr() }

// ConnectionString is what EventStoreDB clients connect with. For a unix socket it is a placeholder: set the
// client's Configuration.Address to "unix:" and the path.
func (n *Node) ConnectionString() string {
	if n.listener.Addr().Network() == "unix" {
		return "esdb://localhost:2113?tls=false"
	}
	return fmt.Sprintf("esdb://%s?tls=%t", n.listener.Addr(), n.config.TLS != nil)
}

// Failed is closed when the node has stopped accepting writes because the disk failed.
func (n *Node) Failed() <-chan struct{} { return n.db.Failed() }

// Failure says why, nil while all is well.
func (n *Node) Failure() error { return n.db.Failure() }

// Close ends subscriptions, lets other calls finish for a few seconds, and closes the log.
func (n *Node) Close() error {
	n.closeOnce.Do(func() { n.closed = n.close() })
	return n.closed
}

func (n *Node) close() error {
	close(n.closing)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		n.server.GracefulStop()
	}()
	timer := time.NewTimer(gracefulClose)
	defer timer.Stop()
	select {
	case <-stopped:
	case <-timer.C:
		n.server.Stop()
		<-stopped
	}
	n.stopServices()
	served := <-n.served
	if errors.Is(served, grpc.ErrServerStopped) { // closed before it began to serve
		served = nil
	}
	return errors.Join(served, n.db.Close())
}

func (n *Node) stopServices() {
	n.projections.Close()
	n.groups.Close()
}
