package esdb

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

// target is the server or cluster that the connection string names.
type target struct {
	config     client.Configuration
	candidates []string
	cluster    bool // ask the candidates who leads
	options    []grpc.DialOption
}

func newTarget(config client.Configuration, logger *slog.Logger) (target, error) {
	config.Logger = logTo(logger)
	// The client is only ever made for a server that has just answered, and a client that finds none must not give up:
	// calls that wait inside one that has would never return.
	config.MaxDiscoverAttempts = math.MaxInt
	config.DiscoveryInterval = 250
	t := target{config: config, candidates: []string{config.Address}, cluster: config.DnsDiscover || len(config.GossipSeeds) > 0}
	if len(config.GossipSeeds) > 0 {
		t.candidates = nil
		for _, seed := range config.GossipSeeds {
			t.candidates = append(t.candidates, seed.String())
		}
	}
	var err error
	t.options, err = dialOptions(config)
	return t, err
}

// clientFor configures the official client for one address: finding it has been done here.
func (t target) clientFor(address string) *client.Configuration {
	c := t.config
	c.Address, c.GossipSeeds, c.DnsDiscover = address, nil, false
	return &c
}

func dialOptions(c client.Configuration) ([]grpc.DialOption, error) {
	options := []grpc.DialOption{
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(17 << 20)),
		grpc.WithReadBufferSize(64 << 10), grpc.WithWriteBufferSize(64 << 10),
		grpc.WithInitialWindowSize(1 << 20), grpc.WithInitialConnWindowSize(8 << 20),
	}
	if c.KeepAliveInterval >= 0 {
		options = append(options, grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: c.KeepAliveInterval, Timeout: c.KeepAliveTimeout, PermitWithoutStream: true,
		}))
	}
	if c.DisableTLS { // and without TLS no credentials are sent
		return append(options, grpc.WithTransportCredentials(insecure.NewCredentials())), nil
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.SkipCertificateVerification, RootCAs: c.RootCAs} //nolint:gosec // on request of the connection string only
	if c.UserCertFile != "" {
		pair, err := tls.LoadX509KeyPair(c.UserCertFile, c.UserKeyFile)
		if err != nil {
			return nil, fmt.Errorf("user certificate: %w", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	options = append(options, grpc.WithTransportCredentials(credentials.NewTLS(t)))
	if c.Username != "" {
		options = append(options, grpc.WithPerRPCCredentials(basicAuth(c.Username+":"+c.Password)))
	}
	return options, nil
}

// basicAuth is "user:password".
type basicAuth string

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (b basicAuth) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(b))}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials.
func (basicAuth) RequireTransportSecurity() bool { return true }

// server is one that has answered.
type server struct {
	address string
	conn    *grpc.ClientConn
	batch   bool // it knows BatchAppend with a deadline as a duration
}

// find connects to the first candidate that answers, or to the leader that it names.
func (t target) find(ctx context.Context) (server, error) {
	var errs []error
	candidates := slices.Clone(t.candidates)
	rand.Shuffle(len(candidates), func(i, j int) { candidates[i], candidates[j] = candidates[j], candidates[i] })
	for _, address := range candidates {
		found, err := t.try(ctx, address)
		if err == nil {
			return found, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", address, err))
	}
	return server{}, errors.Join(errs...)
}

func (t target) try(ctx context.Context, address string) (found server, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(t.config.GossipTimeout)*time.Second)
	defer cancel()
	conn, err := grpc.NewClient(address, t.options...)
	if err != nil {
		return server{}, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, conn.Close())
		}
	}()
	if t.cluster {
		leader, err := askLeader(ctx, conn)
		if err != nil {
			return server{}, err
		}
		if leader != address {
			return t.leader(ctx, conn, leader)
		}
	}
	return inspect(ctx, address, conn)
}

// leader swaps the connection to a member for one to the leader.
func (t target) leader(ctx context.Context, member *grpc.ClientConn, address string) (server, error) {
	conn, err := grpc.NewClient(address, t.options...)
	if err != nil {
		return server{}, err
	}
	found, err := inspect(ctx, address, conn)
	if err != nil {
		return server{}, errors.Join(err, conn.Close())
	}
	return found, member.Close()
}

// askLeader reads the gossip of a member. Followers would do for reads, but everything the portal reads decides or
// shows what has just been written, so it stays with the leader.
func askLeader(ctx context.Context, conn *grpc.ClientConn) (string, error) {
	info, err := gossip.NewGossipClient(conn).Read(ctx, &shared.Empty{})
	if err != nil {
		return "", fmt.Errorf("read gossip: %w", err)
	}
	for _, m := range info.GetMembers() {
		if m.GetState() == gossip.MemberInfo_Leader && m.GetIsAlive() {
			end := m.GetHttpEndPoint()
			return net.JoinHostPort(end.GetAddress(), strconv.FormatUint(uint64(end.GetPort()), 10)), nil
		}
	}
	return "", status.Errorf(codes.Unavailable, "none of the %d members of the cluster leads it", len(info.GetMembers()))
}

// inspect asks what the server can do. Servers without the question lack BatchAppend, too.
func inspect(ctx context.Context, address string, conn *grpc.ClientConn) (server, error) {
	s := server{address: address, conn: conn}
	methods, err := serverfeatures.NewServerFeaturesClient(conn).GetSupportedMethods(ctx, &shared.Empty{})
	switch status.Code(err) {
	case codes.OK:
	case codes.Unimplemented, codes.NotFound:
		return s, nil
	default:
		return server{}, fmt.Errorf("ask for the server's features: %w", err)
	}
	for _, m := range methods.GetMethods() {
		if strings.EqualFold(m.GetServiceName(), "event_store.client.streams.streams") && strings.EqualFold(m.GetMethodName(), "batchappend") {
			s.batch = slices.Contains(m.GetFeatures(), "deadline_duration")
		}
	}
	return s, nil
}
