package node

import (
	"context"
	"net"
	"strings"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// protocolVersion is the EventStoreDB release whose protocol the node speaks.
const protocolVersion = "24.10.0"

type featuresService struct {
	serverfeatures.UnimplementedServerFeaturesServer
	node *Node
}

// GetSupportedMethods lists what the node can do; clients decide by it which calls they offer.
func (s *featuresService) GetSupportedMethods(context.Context, *shared.Empty) (*serverfeatures.SupportedMethods, error) {
	answer := &serverfeatures.SupportedMethods{EventStoreServerVersion: protocolVersion}
	for service, info := range s.node.server.GetServiceInfo() {
		service = strings.ToLower(service)
		for _, m := range info.Methods {
			method := strings.ToLower(m.Name)
			answer.Methods = append(answer.Methods, &serverfeatures.SupportedMethod{
				ServiceName: service, MethodName: method, Features: featuresOf(service, method),
			})
		}
	}
	return answer, nil
}

func featuresOf(service, method string) []string {
	switch _, name, _ := cutLast(service, "."); {
	case name == "persistentsubscriptions" && method != "restartsubsystem":
		return []string{"stream", "all"}
	case name == "streams" && method == "read":
		return []string{"position", "events"}
	case name == "streams" && method == "batchappend":
		return []string{"deadline_duration"}
	case name == "projections" && method == "create":
		return []string{"track_emitted_streams"}
	}
	return nil
}

func cutLast(s, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(s, separator); i >= 0 {
		return s[:i], s[i+len(separator):], true
	}
	return "", s, false
}

type gossipService struct {
	gossip.UnimplementedGossipServer
	node *Node
}

// Read answers with this node as the one leader. Clients dial the address they find here.
func (s *gossipService) Read(ctx context.Context, _ *shared.Empty) (*gossip.ClusterInfo, error) {
	address, ok := s.node.Addr().(*net.TCPAddr)
	if !ok {
		return nil, status.Error(codes.Unimplemented, "a node on a unix socket has no address to tell; connect without discovery")
	}
	endpoint := &gossip.EndPoint{Address: address.IP.String(), Port: uint32(address.Port)}
	if address.IP.IsUnspecified() {
		// What the client reached is the one address known to work for it.
		if local := localAddress(ctx); local != "" {
			endpoint.Address = local
		}
	}
	return &gossip.ClusterInfo{Members: []*gossip.MemberInfo{{
		InstanceId:   structuredUUID(s.node.db.ID()),
		TimeStamp:    time.Now().UnixNano() / 100,
		State:        gossip.MemberInfo_Leader,
		IsAlive:      true,
		HttpEndPoint: endpoint,
	}}}, nil
}

func localAddress(ctx context.Context) string {
	if p, ok := peer.FromContext(ctx); ok {
		if tcp, ok := p.LocalAddr.(*net.TCPAddr); ok {
			return tcp.IP.String()
		}
	}
	return ""
}
