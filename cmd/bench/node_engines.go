package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"avportal/cmd/bench/internal/measure"
)

// nodeEngines is why the node stands on Pebble: the same group commit over three engines, with what the node writes for an
// event: its record, and an index key of each of two streams.
func (b *bench) nodeEngines(ctx context.Context) (rows []row, err error) {
	const writers = 64
	var ways []measure.Way
	readers := map[string]func() (int, error){}
	counts := map[string]*int{}
	for _, kind := range []struct {
		name string
		open func(dir string) (engine, error)
	}{{"pebble", openPebble}, {"bbolt", openBolt}, {"segments", openSegments}} {
		dir, err := os.MkdirTemp(b.dir, kind.name+"-")
		if err != nil {
			return nil, err
		}
		e, err := kind.open(dir)
		if err != nil {
			return nil, err
		}
		g := newGroupCommit(e)
		defer func() { err = errors.Join(err, g.close(), e.close(), os.RemoveAll(dir)) }()
		counts[kind.name], readers[kind.name] = &g.written, e.scan
		ways = append(ways, measure.Way{Name: kind.name, Run: func(ctx context.Context) (measure.Sample, error) {
			return measure.Closed(ctx, b.slice/2, writers, func(_ context.Context, w, _ int) error { return g.append(w) })
		}})
	}
	rounds, err := b.plan(2).Run(ctx, ways...)
	if err != nil {
		return nil, err
	}
	for _, other := range []string{"bbolt", "segments"} {
		rows = append(rows, compared(noTarget, "engine: durable events, Pebble, 64 writers", engineNames[other], rounds, over(rate("pebble"), rate(other))).
			absolute(rounds, rate("pebble"), rate(other), perSecond))
	}
	speeds := map[string]float64{}
	for name, scan := range readers {
		began := time.Now()
		found, err := scan()
		if err == nil && found != *counts[name] {
			err = fmt.Errorf("%w: %s has %d events of %d", errDiffers, name, found, *counts[name])
		}
		if err != nil {
			return nil, err
		}
		speeds[name] = float64(found) / time.Since(began).Seconds()
	}
	for i, other := range []string{"bbolt", "segments"} {
		rows[i] = rows[i].noted("read in order: Pebble %s, %s %s.", perSecond(speeds["pebble"]), other, perSecond(speeds[other]))
	}
	return rows, nil
}

var engineNames = map[string]string{"bbolt": "bbolt", "segments": "own segment files, index in memory only"}

// engine stores pairs of keys and values, durably before write returns.
type engine interface {
	write(pairs []pair) error
	scan() (events int, err error) // in the order of the log
	close() error
}

type pair struct{ key, value []byte }

const eventPrefix = 'e'

// groupCommit lets one write carry the events of all who wait.
type groupCommit struct {
	engine  engine
	queue   chan groupAppend
	done    sync.WaitGroup
	written int
}

type groupAppend struct {
	pairs func(position uint64) []pair
	done  chan error
}

func newGroupCommit(e engine) *groupCommit {
	g := &groupCommit{engine: e, queue: make(chan groupAppend, 1024)}
	g.done.Go(g.run)
	return g
}

func (g *groupCommit) run() {
	for first := range g.queue {
		group := []groupAppend{first}
		for len(g.queue) > 0 {
			group = append(group, <-g.queue)
		}
		var pairs []pair
		for i, a := range group {
			pairs = append(pairs, a.pairs(uint64(g.written+i+1))...) //nolint:gosec // not negative
		}
		err := g.engine.write(pairs)
		g.written += len(group)
		for _, a := range group {
			a.done <- err
		}
	}
}

func (g *groupCommit) append(w int) error {
	done := make(chan error, 1)
	g.queue <- groupAppend{done: done, pairs: func(position uint64) []pair {
		e := nodeEvent(w, int(position), nodeID(w, int(position))) //nolint:gosec // small numbers
		at := binary.BigEndian.AppendUint64(nil, position)
		own := append([]byte("s"+nodeStream(w)), at...)
		correlated := append([]byte("s$bc-"+e.ID.String()), at...)
		return []pair{
			{append([]byte{eventPrefix}, at...), append(append(e.ID[:], e.Data...), e.Metadata...)},
			{own, at}, {correlated, at},
		}
	}}
	return <-done
}

func (g *groupCommit) close() error {
	close(g.queue)
	g.done.Wait()
	return nil
}

type pebbleEngine struct{ db *pebble.DB }

func openPebble(dir string) (engine, error) {
	db, err := pebble.Open(dir, &pebble.Options{Logger: silent{}, MemTableSize: 32 << 20})
	return pebbleEngine{db}, err
}

func (e pebbleEngine) write(pairs []pair) error {
	batch := e.db.NewBatch()
	for _, p := range pairs {
		if err := batch.Set(p.key, p.value, nil); err != nil {
			return err
		}
	}
	return errors.Join(batch.Commit(pebble.Sync), batch.Close())
}

func (e pebbleEngine) scan() (events int, err error) {
	it, err := e.db.NewIter(&pebble.IterOptions{LowerBound: []byte{eventPrefix}, UpperBound: []byte{eventPrefix + 1}})
	if err != nil {
		return 0, err
	}
	for valid := it.First(); valid; valid = it.Next() {
		events++
	}
	return events, it.Close()
}

func (e pebbleEngine) close() error { return e.db.Close() }

type boltEngine struct{ db *bolt.DB }

var bucket = []byte("log")

func openBolt(dir string) (engine, error) {
	db, err := bolt.Open(filepath.Join(dir, "db"), 0o600, nil)
	if err == nil {
		err = db.Update(func(tx *bolt.Tx) error {
			_, err := tx.CreateBucket(bucket)
			return err
		})
	}
	return boltEngine{db}, err
}

func (e boltEngine) write(pairs []pair) error {
	return e.db.Update(func(tx *bolt.Tx) error {
		for _, p := range pairs {
			if err := tx.Bucket(bucket).Put(p.key, p.value); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e boltEngine) scan() (events int, err error) {
	err = e.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucket).Cursor()
		for k, _ := c.Seek([]byte{eventPrefix}); len(k) > 0 && k[0] == eventPrefix; k, _ = c.Next() {
			events++
		}
		return nil
	})
	return events, err
}

func (e boltEngine) close() error { return e.db.Close() }

// segments is the least that own code would have to do: records with length and checksum after each other, one flush a
// group. It keeps no index on disk, so that its start would have to read the whole log.
type segments struct {
	file  *os.File
	index map[string][]byte
	buf   []byte
}

func openSegments(dir string) (engine, error) {
	f, err := os.Create(filepath.Join(dir, "segment"))
	return &segments{file: f, index: map[string][]byte{}}, err
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (s *segments) write(pairs []pair) error {
	s.buf = s.buf[:0]
	for _, p := range pairs {
		if p.key[0] != eventPrefix {
			s.index[string(p.key)] = p.value
			continue
		}
		s.buf = binary.LittleEndian.AppendUint32(s.buf, uint32(len(p.value))) //nolint:gosec // an event is small
		s.buf = binary.LittleEndian.AppendUint32(s.buf, crc32.Checksum(p.value, castagnoli))
		s.buf = append(s.buf, p.value...)
	}
	if _, err := s.file.Write(s.buf); err != nil {
		return err
	}
	return unix.Fdatasync(int(s.file.Fd())) //nolint:gosec // a descriptor fits
}

func (s *segments) scan() (events int, err error) {
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	r := bufio.NewReaderSize(s.file, 1<<20)
	var head [8]byte
	var value []byte
	for {
		if _, err := io.ReadFull(r, head[:]); errors.Is(err, io.EOF) {
			return events, nil
		} else if err != nil {
			return events, err
		}
		n := int(binary.LittleEndian.Uint32(head[:]))
		value = append(value[:0], make([]byte, n)...)
		if _, err := io.ReadFull(r, value); err != nil {
			return events, err
		}
		if crc32.Checksum(value, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
			return events, errors.New("a segment is damaged")
		}
		events++
	}
}

func (s *segments) close() error { return s.file.Close() }
