// Package devices is the read model of devices: the list with all its columns, what threatens them, what they were asked to do,
// and how many of them are in which state.
package devices

import (
	_ "embed"

	"avportal/projections"
	"avportal/projections/live"
	"avportal/projections/states"
)

//go:embed schema.sql
var schema string

//go:embed indexes.sql
var indexes string

const thresholdsTable = "device_thresholds"

// View is the read model. Its counters serve the dashboard as well, so that a tile and the list behind it always agree.
var View = projections.View{
	Name: "devices", Version: 5, Schema: states.Schema(thresholdsTable) + schema, Indexes: indexes, Moment: live.Unknown,
	Tables: []projections.Table{
		states.Table(thresholdsTable), customers(), licenses(), places(),
		devices(), platformTable(), infections(), unguarded(), threats(), requests(),
	},
}
