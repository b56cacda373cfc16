// Package persistent keeps persistent subscriptions: groups of consumers that share the events of a stream, or of
// $all, with acknowledgements, retries, parking and a checkpoint on the server. Delivery is at least once, and out
// of order after a retry.
//
// Everything that outlives the process stands in streams of the log: the groups in $persistentSubscriptionConfig,
// progress in $persistentsubscription-<stream>::<group>-checkpoint, parked events as links in
// $persistentsubscription-<stream>::<group>-parked.
package persistent
