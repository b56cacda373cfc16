// Package findings is the device's own table of threats: what is open, what has been resolved and not yet been told.
package findings

import (
	"slices"
	"time"

	"github.com/oklog/ulid/v2"
	"go.etcd.io/bbolt"

	"avportal/cmd/avagent/state"
	"avportal/http/agent/wire"
)

const bucket = "findings"

// entry is a threat and whether a queued report already tells of its present state.
type entry struct {
	wire.Threat
	Told bool `json:"told"`
	// File is the path byte for byte. On Linux a file's name need not be UTF-8; Threat.Path, which is JSON, loses such
	// bytes, and a file looked for under the mended name would seem to be gone.
	File []byte `json:"file"`
}

// Found is what a scan saw: a signature's name in a file.
type Found struct {
	Path, Name string
}

// Record brings the table up to date with a scan: what it found is open, and of what was open, what gone answers true
// for is resolved. It returns the threats that the scan found (known ones included) and those it resolved. Recording
// the same scan again changes nothing, so threats keep their ids over a scan that is repeated after a crash.
func Record(tx *bbolt.Tx, at time.Time, found []Found, gone func(path, name string) bool) ([]wire.Threat, error) {
	open, err := openEntries(tx)
	if err != nil {
		return nil, err
	}
	known := make(map[Found]entry, len(open))
	for _, e := range open {
		known[e.found()] = e
	}
	seen := make(map[Found]bool, len(found))
	var touched []wire.Threat
	for _, f := range found {
		if seen[f] {
			continue
		}
		seen[f] = true
		e, ok := known[f]
		if !ok {
			e = newEntry(f, at)
			if err := put(tx, e); err != nil {
				return nil, err
			}
		}
		touched = append(touched, e.Threat)
	}
	for _, e := range open {
		if seen[e.found()] || !gone(string(e.File), e.Name) {
			continue
		}
		e.Resolved, e.ResolvedAt, e.Told = true, &at, false
		if err := put(tx, e); err != nil {
			return nil, err
		}
		touched = append(touched, e.Threat)
	}
	return touched, nil
}

func newEntry(f Found, at time.Time) entry {
	return entry{
		Threat: wire.Threat{ID: ulid.Make().String(), Name: f.Name, Path: f.Path, Action: wire.ActionNone, FoundAt: at},
		File:   []byte(f.Path),
	}
}

func (e entry) found() Found { return Found{Path: string(e.File), Name: e.Name} }

func openEntries(tx *bbolt.Tx) (open []entry, err error) {
	err = each(tx, func(e entry) {
		if !e.Resolved {
			open = append(open, e)
		}
	})
	return open, err
}

// Open lists the threats that are open, oldest first.
func Open(tx *bbolt.Tx) ([]wire.Threat, error) {
	entries, err := openEntries(tx)
	open := make([]wire.Threat, 0, len(entries))
	for _, e := range entries {
		open = append(open, e.Threat)
	}
	return open, err
}

// Files lists the files of the open threats, byte for byte.
func Files(tx *bbolt.Tx) (files []Found, err error) {
	entries, err := openEntries(tx)
	for _, e := range entries {
		files = append(files, e.found())
	}
	return files, err
}

// Tell picks what a report has to say, news before what was told already, at most wire.MaxThreats: complete tells
// whether that is everything, news how many of them no report told before. What it picks counts as told, and a resolved
// threat is forgotten, so the report must be queued in the same transaction.
func Tell(tx *bbolt.Tx) (list []wire.Threat, complete bool, news int, err error) {
	var fresh, told []entry
	if err := each(tx, func(e entry) {
		if e.Told {
			told = append(told, e)
		} else {
			fresh = append(fresh, e)
		}
	}); err != nil {
		return nil, false, 0, err
	}
	all := slices.Concat(fresh, told)
	complete = len(all) <= wire.MaxThreats
	if !complete {
		all = all[:wire.MaxThreats]
	}
	list = make([]wire.Threat, 0, len(all))
	for _, e := range all {
		list = append(list, e.Threat)
		if e.Told {
			continue
		}
		news++
		if err := settle(tx, e); err != nil {
			return nil, false, 0, err
		}
	}
	return list, complete, news, nil
}

func settle(tx *bbolt.Tx, e entry) error {
	if e.Resolved {
		return state.Delete(tx, bucket, e.ID)
	}
	e.Told = true
	return put(tx, e)
}

// News counts the threats that no report tells of yet.
func News(tx *bbolt.Tx) (n int, err error) {
	err = each(tx, func(e entry) {
		if !e.Told {
			n++
		}
	})
	return n, err
}

// Retell makes every open threat news again, for a portal that does not know the device yet.
func Retell(tx *bbolt.Tx) error {
	var open []entry
	if err := each(tx, func(e entry) { open = append(open, e) }); err != nil {
		return err
	}
	for _, e := range open {
		e.Told = false
		if err := put(tx, e); err != nil {
			return err
		}
	}
	return nil
}

func put(tx *bbolt.Tx, e entry) error { return state.Put(tx, bucket, e.ID, e) }

func each(tx *bbolt.Tx, fn func(entry)) error {
	return state.Each(tx, bucket, func(_ string, e entry) error { fn(e); return nil })
}
