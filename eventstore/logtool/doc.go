// Package logtool moves, saves and checks whole logs: from node to cluster and back, into a file and out of it. It knows
// the EventStoreDB protocol and nothing of the portal, so it carries any application's log.
//
// What it carries are the events of all streams that users write, and of the metadata streams of these, in the order of
// the log, with their ids and revisions. It leaves out what servers write for themselves (streams that begin with $,
// such as links of system projections, users, persistent subscriptions): the target makes its own. The time stamp and
// position of an event are the server's, too; only a backup keeps time stamps, because it is restored below the
// protocol.
package logtool
