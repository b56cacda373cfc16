// Package node is an embedded single EventStoreDB node: a durable event log that speaks the EventStoreDB gRPC
// protocol, so that any EventStoreDB client works with it unchanged.
//
// What it keeps where is described in the package storage: one log on Pebble, a single writer with group commit, links
// of the system projections in the record of their event. The tests run 500 simulated power losses, 1,000 flipped bits
// and 20 kills; make torture runs 10,000, 10,000 and 200. make bench-node says how fast it is.
//
// It is one node, without clustering. An append is answered after its fsync. Streams of a larger installation
// belong on an EventStoreDB cluster; the same client code talks to both.
package node
