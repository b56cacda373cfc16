package node

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"

	"avportal/eventstore/node/storage"
)

// operation is what somebody wants to do with a stream; the values are the keys of access control lists.
type operation string

const (
	opRead      operation = "$r"
	opWrite     operation = "$w"
	opDelete    operation = "$d"
	opMetaRead  operation = "$mr"
	opMetaWrite operation = "$mw"
)

// everyone is the role that everybody has.
const everyone = "$all"

// roles is one entry of an access control list, in JSON a string or a list of strings.
type roles []string

func (r *roles) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*r = roles{one}
		return nil
	}
	var many []string
	err := json.Unmarshal(b, &many)
	*r = many
	return err
}

type accessList map[operation]roles

// allow says whether the caller may do something with a stream. On a node without users everyone may do everything.
func (n *Node) allow(ctx context.Context, stream string, op operation) error {
	if n.accounts == nil {
		return nil
	}
	a := accountOf(ctx)
	if a.in(Admins) {
		return nil
	}
	if storage.IsMetadataStream(stream) {
		stream = stream[2:]
		op = map[operation]operation{opRead: opMetaRead, opWrite: opMetaWrite, opDelete: opMetaWrite}[op]
	}
	allowed, err := n.rolesFor(stream, op)
	if err != nil {
		return statusOf(ctx, err)
	}
	for _, role := range allowed {
		if role == everyone || role == a.name || a.in(role) {
			return nil
		}
	}
	return fail(ctx, codes.PermissionDenied, "access denied", "access-denied")
}

func (n *Node) rolesFor(stream string, op operation) (roles, error) {
	state, err := n.db.Stream(stream)
	if err != nil {
		return nil, err
	}
	var metadata struct {
		ACL accessList `json:"$acl"`
	}
	if json.Unmarshal(state.RawMeta, &metadata) == nil {
		if allowed, set := metadata.ACL[op]; set {
			return allowed, nil
		}
	}
	return n.defaultRoles(stream, op)
}

// defaultRoles are those of the stream $settings, or those that EventStoreDB has without it.
func (n *Node) defaultRoles(stream string, op operation) (roles, error) {
	var settings struct {
		User   accessList `json:"$userStreamAcl"`
		System accessList `json:"$systemStreamAcl"`
	}
	found := false
	err := n.db.ScanStream("$settings", math.MaxInt64, storage.Backwards, func(e *storage.Entry) bool {
		found = json.Unmarshal(e.Record.Data, &settings) == nil
		return false
	})
	if err != nil && !isMissing(err) {
		return nil, err
	}
	list, otherwise := settings.User, roles{everyone}
	if strings.HasPrefix(stream, "$") {
		list, otherwise = settings.System, roles{Admins}
	}
	if allowed, set := list[op]; found && set {
		return allowed, nil
	}
	return otherwise, nil
}

// allowManagement says whether the caller may manage persistent subscriptions and projections.
func (n *Node) allowManagement(ctx context.Context) error {
	if a := accountOf(ctx); n.accounts == nil || slices.ContainsFunc([]string{Admins, Ops}, a.in) {
		return nil
	}
	return fail(ctx, codes.PermissionDenied, "access denied", "access-denied")
}
