package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"avportal/cmd/avagent/signatures"
	"avportal/http/agent/wire"
)

// Builtin matches files against the plain lines of ClamAV databases without ClamAV. It looks into no archives and
// compares one signature after the other: good for hundreds of signatures, not for the official millions.
type Builtin struct {
	Database string

	mu  sync.Mutex
	set *signatures.Set
}

// MaxFileSize is the largest file that the built-in matcher reads, as it holds it in memory. Larger ones count as errors.
const MaxFileSize = 64 << 20

// BuiltinVersion changes when the matcher finds something that it did not find before.
const BuiltinVersion = "1"

// Name of the engine.
func (b *Builtin) Name() string { return wire.EngineBuiltin }

// Info reads the signatures if that has not been done.
func (b *Builtin) Info(context.Context) (Info, error) {
	if _, err := b.signatures(); err != nil {
		return Info{}, err
	}
	v, err := signatures.ReadVersion(b.Database)
	return Info{Version: BuiltinVersion, Signatures: v}, err
}

// Reload reads the signatures again. On an error the old ones stay in use.
func (b *Builtin) Reload(context.Context) error {
	set, err := signatures.Load(b.Database)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.set = set
	return nil
}

func (b *Builtin) signatures() (*signatures.Set, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.set == nil {
		set, err := signatures.Load(b.Database)
		if err != nil {
			return nil, err
		}
		b.set = set
	}
	return b.set, nil
}

// Scan walks the paths, one file at a time.
func (b *Builtin) Scan(ctx context.Context, paths []string, found func(Finding)) (Summary, error) {
	set, err := b.signatures()
	if err != nil {
		return Summary{Files: -1}, err
	}
	var sum Summary
	fail := func(path string, err error) {
		if !errors.Is(err, fs.ErrNotExist) { // a file that went away meanwhile is no error
			sum.Errors++
			sum.Detail = fmt.Sprintf("%s: %v", path, err)
		}
	}
	var content []byte
	for _, root := range Expand(paths) {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				fail(path, err)
				return nil
			}
			if !entry.Type().IsRegular() {
				return nil
			}
			if content, err = readFile(path, content); err != nil {
				fail(path, err)
				return nil
			}
			sum.Files++
			if name, ok := set.Match(content); ok {
				found(Finding{Path: path, Name: name})
			}
			return nil
		})
		if err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// readFile reads into buf if it is large enough, to spare the collector a whole disk.
func readFile(path string, buf []byte) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return buf, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return buf, err
	}
	if info.Size() > MaxFileSize {
		return buf, fmt.Errorf("larger than the %d MiB that the built-in matcher reads", MaxFileSize>>20)
	}
	if int64(cap(buf)) < info.Size() {
		buf = make([]byte, info.Size())
	}
	buf = buf[:info.Size()]
	n, err := io.ReadFull(f, buf)
	if errors.Is(err, io.ErrUnexpectedEOF) { // it shrank: judge what is there
		err = nil
	}
	return buf[:n], err
}
