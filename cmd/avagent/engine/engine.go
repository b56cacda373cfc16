// Package engine is the scanner behind the agent: clamd over its socket, clamscan as a subprocess, or a small matcher
// built in. All three answer the same interface and pass the same conformance suite.
package engine

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"avportal/cmd/avagent/signatures"
	"avportal/http/agent/wire"
)

// Finding is a signature's name in a file. The name comes without ClamAV's suffix ".UNOFFICIAL"; the path is the file's,
// byte for byte.
type Finding struct {
	Path, Name string
}

// Info tells what the engine is.
type Info struct {
	Version    string
	Signatures signatures.Version
}

// Summary tells what a scan that ended looked at.
type Summary struct {
	Files  int64 // -1 where the engine does not say
	Errors int64 // files that could not be judged
	Detail string
}

// Engine scans files.
type Engine interface {
	// Name is one of the wire.Engine constants.
	Name() string
	// Info asks the engine itself, so an error says that it cannot scan at the moment.
	Info(ctx context.Context) (Info, error)
	// Scan looks at files and at directories with all below them, without following links. It calls found for each
	// finding, from one goroutine, as they come; findings before an error count. The paths must exist and be absolute.
	// The error says that the scan did not get to its end.
	Scan(ctx context.Context, paths []string, found func(Finding)) (Summary, error)
	// Reload takes up signatures that changed on disk. clamd does so in the background, a moment later.
	Reload(ctx context.Context) error
}

// Options name the engine and its signatures.
type Options struct {
	// Engine is "auto" or one of the wire.Engine constants. Auto takes a clamd that answers, else a clamscan that has
	// signatures, else the built-in matcher.
	Engine string
	// Clamd is the path of a socket or host:port; empty means the usual places.
	Clamd string
	// Database is the directory of the signatures; empty means ClamAV's own.
	Database string
}

// New makes the engine that the options ask for. It does not fail because an engine is down: engines come back.
func New(ctx context.Context, o Options) (Engine, error) {
	if o.Database == "" {
		o.Database = DefaultDatabase()
	}
	clamd := &Clamd{Address: o.Clamd, Database: o.Database}
	clamscan := &Clamscan{Database: o.Database}
	builtin := &Builtin{Database: o.Database}
	switch o.Engine {
	case wire.EngineClamd:
		return clamd, nil
	case wire.EngineClamscan:
		return clamscan, nil
	case wire.EngineBuiltin:
		return builtin, nil
	case "", "auto":
	default:
		return nil, fmt.Errorf("unknown engine %q: choose auto, %s, %s or %s",
			o.Engine, wire.EngineClamd, wire.EngineClamscan, wire.EngineBuiltin)
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if _, err := clamd.Info(ctx); err == nil {
		return clamd, nil
	}
	if _, err := clamscan.Info(ctx); err == nil {
		return clamscan, nil
	}
	return builtin, nil
}

// DefaultDatabase is where ClamAV keeps its signatures.
func DefaultDatabase() string {
	switch runtime.GOOS {
	case "windows":
		return filepath.Join(os.Getenv("ProgramFiles"), "ClamAV", "database")
	case "darwin":
		return "/opt/homebrew/var/lib/clamav"
	default:
		return "/var/lib/clamav"
	}
}

// notFiles are file systems that hold no files of anyone: reading them takes for ever or does things.
func notFiles() []string {
	if runtime.GOOS == "linux" {
		return []string{"/proc", "/sys", "/dev"}
	}
	return nil
}

// Expand replaces a path that contains file systems without real files by its other children, so that "/" can be scanned
// by engines that are not configured to leave them out.
func Expand(paths []string) []string {
	return expand(paths, notFiles())
}

func expand(paths, leaveOut []string) []string {
	var out []string
next:
	for _, path := range paths {
		for _, bad := range leaveOut {
			if Within(path, bad) {
				continue next
			}
			if !Within(bad, path) {
				continue
			}
			children, err := os.ReadDir(path)
			if err != nil {
				break // the engine will say so
			}
			var below []string
			for _, c := range children {
				if c.Type().IsRegular() || c.IsDir() {
					below = append(below, filepath.Join(path, c.Name()))
				}
			}
			out = append(out, expand(below, leaveOut)...)
			continue next
		}
		out = append(out, path)
	}
	return out
}

// Within reports whether path is root or lies below it. Both are clean and absolute.
func Within(path, root string) bool {
	rel, err := filepath.Rel(root, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) && !filepath.IsAbs(rel)
}

// parseBanner reads "ClamAV 1.4.3" or "ClamAV 1.4.3/27800/Mon Nov 23 08:30:00 2026". The latter two parts are there for
// ClamAV's official signatures only, so a version in the database directory counts first.
func parseBanner(banner, database string) Info {
	parts := strings.SplitN(strings.TrimSpace(banner), "/", 3)
	info := Info{Version: strings.TrimPrefix(parts[0], "ClamAV ")}
	if v, err := signatures.ReadVersion(database); err == nil {
		info.Signatures = v
		return info
	}
	if len(parts) == 3 {
		info.Signatures.Version = parts[1]
		if date, err := time.Parse(time.ANSIC, parts[2]); err == nil {
			info.Signatures.Date = date
		}
	}
	return info
}

// splitFound takes "path: name FOUND" apart, from the right because a path may hold anything.
func splitFound(line string) (Finding, bool) {
	rest, ok := strings.CutSuffix(line, " FOUND")
	if !ok {
		return Finding{}, false
	}
	i := strings.LastIndex(rest, ": ")
	if i < 0 {
		return Finding{}, false
	}
	return Finding{Path: rest[:i], Name: signatures.DisplayName(rest[i+2:])}, true
}

// lookPath finds a program of ClamAV, also where a service's short PATH does not reach.
func lookPath(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/bin", "/usr/sbin", "/usr/local/bin", "/opt/homebrew/bin", filepath.Join(os.Getenv("ProgramFiles"), "ClamAV")} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed", name)
}
