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
	blocks    = 1024
	probeRuns = 40 // flushes of one probe: some ten milliseconds
)

// Disk measures what one flush costs: 4 KiB written over what is there, and fdatasync. Writing over, not appending, is the
// least that a durable write can cost, and what a log on recycled files does.
type Disk struct {
	file *os.File
	data [block]byte
	next int64
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
	d := &Disk{file: f}
	for range blocks {
		if _, err := d.file.Write(d.data[:]); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	if err := f.Sync(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return d, nil
}

// Close removes the file.
func (d *Disk) Close() error { return errors.Join(d.file.Close(), os.Remove(d.file.Name())) }

// Flush writes one block and waits until it is on the disk.
func (d *Disk) Flush() error {
	d.next = (d.next + 1) % blocks
	d.data[0]++
	if _, err := d.file.WriteAt(d.data[:], d.next*block); err != nil {
		return err
	}
	return unix.Fdatasync(int(d.file.Fd())) //nolint:gosec // a descriptor fits
}

// Flushes takes the latency of n flushes, one after the other.
func (d *Disk) Flushes(n int) (Sample, error) {
	s := Sample{Ops: n, Latencies: make([]time.Duration, n)}
	began := time.Now()
	for i := range n {
		one := time.Now()
		if err := d.Flush(); err != nil {
			return Sample{}, err
		}
		s.Latencies[i] = time.Since(one)
	}
	s.Took = time.Since(began)
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
