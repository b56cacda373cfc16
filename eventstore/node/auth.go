package node

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// User may use a node that has users.
type User struct {
	Name     string
	Password string
	// Groups are the roles that access control lists name, beside the user's own name. See Admins and Ops.
	Groups []string
}

const (
	// Admins may do everything that anyone may do.
	Admins = "$admins"
	// Ops may manage persistent subscriptions and projections.
	Ops = "$ops"
)

// account is a user without his password.
type account struct {
	name     string
	groups   []string
	password [sha256.Size]byte
}

// system is who everyone is on a node without users.
var system = &account{name: "system", groups: []string{Admins}}

func newAccounts(users []User, hasTLS bool) (map[string]*account, error) {
	if len(users) == 0 {
		return nil, nil
	}
	if !hasTLS {
		return nil, errors.New("users need TLS: without it clients send no credentials")
	}
	accounts := map[string]*account{}
	for _, u := range users {
		if u.Name == "" || u.Password == "" || strings.Contains(u.Name, ":") {
			return nil, fmt.Errorf("user %q: a user needs a name without colon, and a password", u.Name)
		}
		if accounts[u.Name] != nil {
			return nil, fmt.Errorf("user %q is there twice", u.Name)
		}
		accounts[u.Name] = &account{name: u.Name, groups: u.Groups, password: sha256.Sum256([]byte(u.Password))}
	}
	return accounts, nil
}

func (a *account) in(group string) bool {
	return slices.Contains(a.groups, group)
}

type accountKey struct{}

// accountOf is who makes the call.
func accountOf(ctx context.Context) *account {
	if a, ok := ctx.Value(accountKey{}).(*account); ok {
		return a
	}
	return system
}

var errUnauthenticated = status.Error(codes.Unauthenticated, "unknown user or wrong password")

// openToAll lists what a client calls before it has shown who it is.
func openToAll(method string) bool {
	return strings.HasPrefix(method, "/event_store.client.gossip.") || strings.HasPrefix(method, "/event_store.client.server_features.")
}

// authenticate returns a context that knows who makes the call.
func (n *Node) authenticate(ctx context.Context, method string) (context.Context, error) {
	if n.accounts == nil || openToAll(method) {
		return ctx, nil
	}
	md, _ := metadata.FromIncomingContext(ctx)
	for _, header := range md["authorization"] {
		if a := n.account(header); a != nil {
			return context.WithValue(ctx, accountKey{}, a), nil
		}
	}
	return nil, errUnauthenticated
}

func (n *Node) account(header string) *account {
	scheme, encoded, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "basic") {
		return nil
	}
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil
	}
	name, password, _ := strings.Cut(string(decoded), ":")
	a := n.accounts[name]
	given := sha256.Sum256([]byte(password))
	if a == nil || subtle.ConstantTimeCompare(given[:], a.password[:]) == 0 {
		return nil
	}
	return a
}

func (n *Node) authenticateUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	ctx, err := n.authenticate(ctx, info.FullMethod)
	if err != nil {
		return nil, err
	}
	return handler(ctx, req)
}

// knownStream is a call whose context knows who makes it.
type knownStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *knownStream) Context() context.Context { return s.ctx }

func (n *Node) authenticateStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	ctx, err := n.authenticate(stream.Context(), info.FullMethod)
	if err != nil {
		if info.IsClientStream {
			// A client that is still sending would see EOF and not the status.
			drain(func() error { return stream.RecvMsg(&received{}) })
		}
		return err
	}
	return handler(srv, &knownStream{ServerStream: stream, ctx: ctx})
}
