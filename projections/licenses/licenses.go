// Package licenses is the read model of customers, their licenses, and the trees of groups in these.
package licenses

import (
	_ "embed"

	"avportal/projections"
	"avportal/projections/states"
)

//go:embed schema.sql
var schema string

//go:embed indexes.sql
var indexes string

const thresholdsTable = "license_thresholds"

// View is the read model.
var View = projections.View{
	Name: "licenses", Version: 2, Schema: states.Schema(thresholdsTable) + schema, Indexes: indexes,
	Tables: []projections.Table{states.Table(thresholdsTable), customerTable(), licenseTable(), groupTable()},
}
