// Package node is an embedded single EventStoreDB node: a durable event log that speaks the EventStoreDB gRPC
// protocol, so that any EventStoreDB client works with it unchanged.
//
// It is one node, without clustering. An append is answered after its fsync. Streams of a larger installation
// belong on an EventStoreDB cluster; the same client code talks to both.
package node
