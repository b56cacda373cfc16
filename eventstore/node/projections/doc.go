// Package projections runs projections that users write in JavaScript, on the embedded node: folds of events into one
// state, as fromAll().when({...}).outputState().
//
// It covers what such a fold needs: fromAll, fromStream, fromStreams, fromCategory, when with $init, $any and event
// types, filterBy, transformBy, outputState. Whatever writes events or partitions its state is refused with a clear
// error. States are kept in memory and computed anew from the log after a restart.
package projections
