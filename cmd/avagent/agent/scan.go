package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"avportal/cmd/avagent/engine"
	"avportal/cmd/avagent/findings"
	"avportal/cmd/avagent/state"
	"avportal/http/agent/wire"
)

// scanned is a scan that ended, before it is recorded.
type scanned struct {
	scan  wire.Scan
	found []findings.Found
	// gone are the open threats that the scan has shown to be resolved.
	gone map[findings.Found]bool
	err  error
}

// scan has the engine look at paths, which are resolved, and then at what was known to be infected among them.
func (a *Agent) scan(ctx context.Context, profile string, paths []string, commandID string) scanned {
	s := scanned{gone: map[findings.Found]bool{}, scan: wire.Scan{
		CommandID: commandID, Profile: profile, Paths: slices.Clone(paths), StartedAt: time.Now().UTC(),
	}}
	var sum engine.Summary
	c, err := a.configuration()
	if s.err = err; err == nil {
		there := slices.DeleteFunc(existing(paths), func(p string) bool { return excluded(c.Exclusions, p) })
		if len(there) > 0 {
			sum, s.err = a.cfg.Engine.Scan(ctx, there, func(f engine.Finding) {
				if !excluded(c.Exclusions, f.Path) { // engines look at whole folders
					s.found = append(s.found, findings.Found(f))
				}
			})
		}
	}
	if s.err == nil {
		s.err = a.findResolved(ctx, paths, sum, &s)
	}
	s.scan.FinishedAt = time.Now().UTC()
	s.scan.Files, s.scan.Errors, s.scan.Infected, s.scan.Detail = sum.Files, sum.Errors, infected(s.found), sum.Detail
	switch {
	case s.err == nil:
		s.scan.Outcome = wire.OutcomeCompleted
	case ctx.Err() != nil:
		s.scan.Outcome, s.scan.Detail = wire.OutcomeAborted, "the agent was stopped"
	default:
		s.scan.Outcome, s.scan.Detail = wire.OutcomeFailed, s.err.Error()
	}
	return s
}

// existing leaves out paths that are not there: a file that was removed is scanned to show that it is gone.
func existing(paths []string) (there []string) {
	for _, p := range paths {
		if _, err := os.Lstat(p); !errors.Is(err, fs.ErrNotExist) {
			there = append(there, p)
		}
	}
	return there
}

func infected(found []findings.Found) int64 {
	files := map[string]bool{}
	for _, f := range found {
		files[f.Path] = true
	}
	return int64(len(files))
}

// findResolved decides which open threats within the paths are over. When the engine could not judge every file it is
// asked about each infected one alone, as "not found" may then mean "not looked at".
func (a *Agent) findResolved(ctx context.Context, paths []string, sum engine.Summary, s *scanned) error {
	var open []findings.Found
	if err := a.cfg.Dir.View(func(tx *bbolt.Tx) (err error) {
		open, err = findings.Files(tx)
		return err
	}); err != nil {
		return err
	}
	still := make(map[findings.Found]bool, len(s.found))
	for _, f := range s.found {
		still[f] = true
	}
	for _, f := range open {
		within := slices.ContainsFunc(paths, func(p string) bool { return engine.Within(f.Path, p) })
		if !within || still[f] {
			continue
		}
		_, err := os.Lstat(f.Path)
		if sum.Errors == 0 || errors.Is(err, fs.ErrNotExist) {
			s.gone[f] = true
			continue
		}
		clean, err := a.cleanAlone(ctx, f)
		if err != nil {
			return err
		}
		if clean {
			s.gone[f] = true
		}
	}
	return nil
}

func (a *Agent) cleanAlone(ctx context.Context, f findings.Found) (bool, error) {
	clean := true
	sum, err := a.cfg.Engine.Scan(ctx, []string{f.Path}, func(found engine.Finding) {
		if findings.Found(found) == f {
			clean = false
		}
	})
	return clean && sum.Errors == 0, err
}

// record makes a scan part of what the device knows. It returns the threats that the scan found or resolved.
func (s scanned) record(tx *bbolt.Tx) ([]wire.Threat, error) {
	threats, err := s.recordFindings(tx)
	if err != nil {
		return nil, err
	}
	return threats, state.Put(tx, metaBucket, "last_scan", s.scan)
}

// recordFindings is record for what is no scan of anybody's.
func (s scanned) recordFindings(tx *bbolt.Tx) ([]wire.Threat, error) {
	return findings.Record(tx, s.scan.FinishedAt, s.found, func(path, name string) bool {
		return s.gone[findings.Found{Path: path, Name: name}]
	})
}

// Scan is a scan that a person on the device asks for: of the paths, wherever they lie, or of a profile. It is recorded
// and reported like the portal's own. An aborted or failed scan is an error beside what it found.
func (a *Agent) Scan(ctx context.Context, profile string, paths []string) (wire.Scan, []wire.Threat, error) {
	resolved, err := a.resolveAll(profile, paths)
	if err != nil {
		return wire.Scan{}, nil, err
	}
	s := a.scan(ctx, profile, resolved, "")
	var threats []wire.Threat
	if err := a.cfg.Dir.Update(func(tx *bbolt.Tx) (err error) {
		threats, err = s.record(tx)
		return err
	}); err != nil {
		return s.scan, nil, err
	}
	_, err = a.Report(ctx)
	return s.scan, threats, errors.Join(s.err, err)
}

// resolveAll turns a profile into the real paths to scan.
func (a *Agent) resolveAll(profile string, paths []string) ([]string, error) {
	switch profile {
	case wire.ProfileFull:
		paths = a.cfg.Roots
	case wire.ProfileSystem:
		paths = onSystemPartition(a.cfg.Roots)
	case wire.ProfileRemovable:
		paths = a.removable()
	case wire.ProfileQuick:
		paths = a.cfg.QuickRoots
	case wire.ProfilePath:
		if len(paths) == 0 {
			return nil, errors.New("a scan of paths needs at least one path")
		}
	default:
		return nil, fmt.Errorf("unknown scan profile %q", profile)
	}
	out := make([]string, 0, len(paths))
	for _, p := range paths {
		real, err := resolve(p)
		if err != nil {
			return nil, err
		}
		out = append(out, real)
	}
	return out, nil
}

// resolve makes a path absolute and follows every link in it, as far as it exists: only then can it be compared with the
// roots, and only then does the engine report it under the name by which the threat is known.
func resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("path to scan: %w", err)
	}
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		return real, nil
	}
	parent := filepath.Dir(path)
	if !errors.Is(err, fs.ErrNotExist) || parent == path {
		return "", fmt.Errorf("path to scan: %w", err)
	}
	real, err = resolve(parent)
	return filepath.Join(real, filepath.Base(path)), err
}
