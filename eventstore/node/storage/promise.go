package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"
)

// A process or a machine that ends without a Close leaves a write-ahead log whose end may be torn: what can't be read there
// was not acknowledged, and the engine cuts it off. A flipped bit looks the same, but then it is acknowledged events that are
// cut off. What tells them apart is a promise: each commit says up to which position the log was durable before it, and a log
// that has been idle for a moment says it once more. Open looks for promises in the whole of the write-ahead logs, also behind
// what can't be read, and refuses a log that ends before one of them.
//
// (The engine's own chunks say something alike, up to which offset the file was durable, but leave out all but the last block
// of each write.)
//
// A promise is a position (8) and a checksum of it and of the log's id (4), so that no event can be taken for one.
const promiseSize = 12

func promiseSum(id uuid.UUID, position uint64) uint32 {
	return crc32.Checksum(binary.BigEndian.AppendUint64(id[:], position), castagnoli)
}

// promise is what a commit says of what is before it.
func (db *DB) promise() []byte {
	position := db.visible.Load()
	b := binary.BigEndian.AppendUint64(make([]byte, 0, promiseSize), position)
	return binary.BigEndian.AppendUint32(b, promiseSum(db.id, position))
}

// idleTime is how long a log must have been idle to repeat its promise.
const idleTime = 50 * time.Millisecond

// repeatPromise makes what was acknowledged last as safe as what is before it.
func (db *DB) repeatPromise() {
	if db.stopped() || db.fs.full() || !db.users.enter() {
		return
	}
	defer db.users.leave()
	if err := db.pebble.LogData(db.promise(), pebble.Sync); err != nil {
		db.stop(err)
	}
}

// promised reads the write-ahead logs of a log that was not closed, before the engine does and deletes them, and returns
// the highest position that was durable.
func (db *DB) promised() (position uint64, err error) {
	names, err := db.fs.List(db.options.Dir)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		digits, isLog := strings.CutSuffix(name, ".log")
		number, err := strconv.ParseUint(digits, 10, 64)
		if !isLog || err != nil {
			continue
		}
		f, err := db.fs.Open(db.fs.PathJoin(db.options.Dir, name))
		if err != nil {
			return 0, err
		}
		last, err := promisedIn(f, uint32(number), db.id) //nolint:gosec // the engine notes the low bits, too
		if err = errors.Join(err, f.Close()); err != nil {
			return 0, err
		}
		position = max(position, last)
	}
	return position, nil
}

// Of a chunk of the engine's write-ahead log:
//
//	CRC-32C, masked (4) | length (2) | type (1) | number of the log (4) | offset (8) | payload
//
// None crosses a block of 32 KiB. The payload of a record begins in its first or only chunk, with 12 bytes of batch header;
// a promise is the batch's first entry.
const (
	walBlock       = 32 << 10
	walHeader      = 19
	walOnly        = 9 // types of chunks
	walFirst       = 10
	walLast        = 12
	batchHeader    = 12
	promiseInBatch = string(rune(pebble.InternalKeyKindLogData)) + string(rune(promiseSize))
)

func promisedIn(f io.Reader, log uint32, id uuid.UUID) (position uint64, err error) {
	block := make([]byte, walBlock)
	for {
		n, err := io.ReadFull(f, block)
		for at := 0; at+walHeader <= n; {
			payload, next := walChunk(block[:n], at, log)
			if next == 0 {
				at++ // behind what can't be read the next chunk may begin anywhere
				continue
			}
			at = next
			if len(payload) >= batchHeader+len(promiseInBatch)+promiseSize && bytes.HasPrefix(payload[batchHeader:], []byte(promiseInBatch)) {
				promise := payload[batchHeader+len(promiseInBatch):]
				if p := binary.BigEndian.Uint64(promise); p > position && binary.BigEndian.Uint32(promise[8:]) == promiseSum(id, p) {
					position = p
				}
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return position, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// walChunk reads the chunk at an offset of a block. It returns where the next one begins, 0 if there is none at the offset,
// and the payload if a record begins in the chunk.
func walChunk(block []byte, at int, log uint32) (payload []byte, next int) {
	header := block[at : at+walHeader]
	if header[6] < walOnly || header[6] > walLast || binary.LittleEndian.Uint32(header[7:]) != log {
		return nil, 0
	}
	next = at + walHeader + int(binary.LittleEndian.Uint16(header[4:]))
	if next > len(block) {
		return nil, 0
	}
	sum := crc32.Checksum(block[at+6:next], castagnoli)
	if binary.LittleEndian.Uint32(header) != (sum>>15|sum<<17)+0xa282ead8 {
		return nil, 0
	}
	if header[6] <= walFirst {
		payload = block[at+walHeader : next]
	}
	return payload, next
}
