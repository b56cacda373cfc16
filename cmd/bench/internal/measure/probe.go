package measure

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const (
	block     = 4096
	most      = 64 << 20 // bytes of the file before it begins anew
	probeRuns = 40       // flushes of one probe: some ten milliseconds
)

// Disk measures what one flush costs: 4 KiB appended to a file, and fdatasync, as a log does that grows. Writing over what
// is there costs less, since the file's size need not be written; only logs that recycle their files get that.
type Disk struct {
	file *os.File
	data [block]byte
	size int64
}

// NewDisk prepares a file in a folder, which must be on the disk that is measured.
func NewDisk(dir string) (*Disk, error) {
	if err := onDisk(dir); err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(dir, "flush"))
	if err != nil {
		return nil, err
	}
	return &Disk{file: f}, nil
}

// Close removes the file.
func (d *Disk) Close() error { return errors.Join(d.file.Close(), os.Remove(d.file.Name())) }

func (d *Disk) flush(at int64) (time.Duration, error) {
	d.data[0]++
	began := time.Now()
	if _, err := d.file.WriteAt(d.data[:], at); err != nil {
		return 0, err
	}
	err := unix.Fdatasync(int(d.file.Fd())) //nolint:gosec // a descriptor fits
	return time.Since(began), err
}

// Flushes takes the latency of n flushes that append, one after the other.
func (d *Disk) Flushes(n int) (Sample, error) {
	if d.size > most {
		d.size = 0
		if err := errors.Join(d.file.Truncate(0), d.file.Sync()); err != nil {
			return Sample{}, err
		}
	}
	return d.many(n, func() int64 { d.size += block; return d.size - block })
}

// Overwrites takes the latency of n flushes of what is there already. There must have been Flushes before.
func (d *Disk) Overwrites(n int) (Sample, error) {
	var at int64
	return d.many(n, func() int64 { at += block; return at % max(d.size, block) })
}

func (d *Disk) many(n int, at func() int64) (Sample, error) {
	s := Sample{Ops: n, Latencies: make([]time.Duration, n)}
	for i := range n {
		took, err := d.flush(at())
		if err != nil {
			return Sample{}, err
		}
		s.Latencies[i] = took
		s.Took += took
	}
	return s, nil
}

// Probe is the median of some flushes: how fast the disk is just now.
func (d *Disk) Probe() (time.Duration, error) {
	s, err := d.Flushes(probeRuns)
	return Quantile(s.Latencies, 0.5), err
}

// onDisk refuses folders whose files live in memory: what is durable there costs nothing.
func onDisk(dir string) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	if fs.Type == unix.TMPFS_MAGIC || fs.Type == unix.RAMFS_MAGIC {
		return fmt.Errorf("%s lies in memory: name a folder on a disk with --dir", dir)
	}
	return nil
}
