package logtool

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"time"
)

// A backup file is
//
//	magic | header frame | one frame for each event | trailer frame
//
// and a frame is kind (1 byte) | uvarint length | content | CRC-32C (4 bytes, over the frame's number, kind and content).
// The number in the checksum betrays frames that are missing or out of order; a file without its trailer is no backup;
// and the trailer's fingerprint says what the restored log must be.
const magic = "avportal log backup\n"

const (
	frameHeader  = 'H'
	frameEvent   = 'E'
	frameTrailer = 'T'

	maxFrame = 64 << 20
)

// ErrDamaged says that a backup file is not what was written.
var ErrDamaged = errors.New("the backup file is damaged")

// fileFormat is the version of backup files that this package reads and writes.
const fileFormat = 1

type header struct {
	Format int       `json:"format"`
	Began  time.Time `json:"began"`
	Head   uint64    `json:"head"` // the position in the source up to which the backup reaches
}

type trailer struct {
	Fingerprint Fingerprint `json:"fingerprint"`
}

func frameSum(number uint64, kind byte, content []byte) uint32 {
	var prefix [9]byte
	binary.BigEndian.PutUint64(prefix[:], number)
	prefix[8] = kind
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Checksum(prefix[:], table), table, content)
}

type fileWriter struct {
	w       *bufio.Writer
	number  uint64
	scratch []byte
}

func newFileWriter(w io.Writer, h header) (*fileWriter, error) {
	f := &fileWriter{w: bufio.NewWriterSize(w, 1<<20)}
	if _, err := f.w.WriteString(magic); err != nil {
		return nil, err
	}
	return f, f.writeJSON(frameHeader, h)
}

func (f *fileWriter) writeJSON(kind byte, v any) error {
	content, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return f.frame(kind, content)
}

func (f *fileWriter) frame(kind byte, content []byte) error {
	var head [1 + binary.MaxVarintLen64]byte
	head[0] = kind
	n := 1 + binary.PutUvarint(head[1:], uint64(len(content)))
	sum := binary.LittleEndian.AppendUint32(nil, frameSum(f.number, kind, content))
	f.number++
	for _, part := range [][]byte{head[:n], content, sum} {
		if _, err := f.w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

func (f *fileWriter) event(e *Event) error {
	b := binary.AppendUvarint(f.scratch[:0], e.Position)
	b = binary.AppendVarint(b, e.Revision)
	b = binary.AppendVarint(b, e.Created)
	form := byte(0)
	if e.JSON {
		form = 1
	}
	b = append(append(b, form), e.ID[:]...)
	b = appendText(b, e.Stream)
	b = appendText(b, e.Type)
	b = appendText(b, e.Data)
	f.scratch = appendText(b, e.Metadata)
	return f.frame(frameEvent, f.scratch)
}

func (f *fileWriter) finish(t trailer) error {
	if err := f.writeJSON(frameTrailer, t); err != nil {
		return err
	}
	return f.w.Flush()
}

// fileReader reads a backup. The trailer is known when its events have been read to the end.
type fileReader struct {
	r       *bufio.Reader
	number  uint64
	header  header
	trailer trailer
}

func newFileReader(r io.Reader) (*fileReader, error) {
	f := &fileReader{r: bufio.NewReaderSize(r, 1<<20)}
	start := make([]byte, len(magic))
	if _, err := io.ReadFull(f.r, start); err != nil || string(start) != magic {
		return nil, fmt.Errorf("%w: it does not begin like one", ErrDamaged)
	}
	kind, content, err := f.frame()
	if err != nil {
		return nil, err
	}
	if kind != frameHeader || json.Unmarshal(content, &f.header) != nil {
		return nil, fmt.Errorf("%w: header", ErrDamaged)
	}
	if f.header.Format != fileFormat {
		return nil, fmt.Errorf("the backup has format %d, this version reads format %d", f.header.Format, fileFormat)
	}
	return f, nil
}

func (f *fileReader) frame() (kind byte, content []byte, err error) {
	damaged := func(what string) error {
		return fmt.Errorf("%w: record %d: %s", ErrDamaged, f.number, what)
	}
	if kind, err = f.r.ReadByte(); err != nil {
		return 0, nil, f.ended(err)
	}
	n, err := binary.ReadUvarint(f.r)
	if err != nil {
		return 0, nil, f.ended(err)
	}
	if n > maxFrame {
		return 0, nil, damaged("length")
	}
	content = make([]byte, n+4) // of its own: events are kept until they are written
	if _, err := io.ReadFull(f.r, content); err != nil {
		return 0, nil, f.ended(err)
	}
	content, sum := content[:n:n], binary.LittleEndian.Uint32(content[n:])
	if sum != frameSum(f.number, kind, content) {
		return 0, nil, damaged("checksum mismatch")
	}
	f.number++
	return kind, content, nil
}

// ended tells a file that is cut short from one that can't be read.
func (f *fileReader) ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends after record %d, without its trailer", ErrDamaged, f.number)
	}
	return err
}

// events reads the file to its end.
func (f *fileReader) events() iter.Seq2[*Event, error] {
	return func(yield func(*Event, error) bool) {
		for {
			kind, content, err := f.frame()
			var e *Event
			switch {
			case err != nil:
			case kind == frameEvent:
				e, err = f.parse(content)
			case kind == frameTrailer:
				if err = f.end(content); err == nil {
					return
				}
			default:
				err = fmt.Errorf("%w: record %d is of no known kind", ErrDamaged, f.number-1)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

func (f *fileReader) end(content []byte) error {
	if err := json.Unmarshal(content, &f.trailer); err != nil {
		return fmt.Errorf("%w: trailer: %w", ErrDamaged, err)
	}
	if _, err := f.r.ReadByte(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: something follows the trailer", ErrDamaged)
	}
	return nil
}

func (f *fileReader) parse(content []byte) (*Event, error) {
	c := content
	ok := true
	take := func(n int) []byte {
		if n < 0 || n > len(c) {
			ok, n = false, 0
		}
		var taken []byte
		taken, c = c[:n:n], c[n:]
		return taken
	}
	unsigned := func() uint64 {
		v, n := binary.Uvarint(c)
		ok = ok && n > 0
		take(max(n, 0))
		return v
	}
	signed := func() int64 {
		v, n := binary.Varint(c)
		ok = ok && n > 0
		take(max(n, 0))
		return v
	}
	text := func() []byte { return take(int(min(unsigned(), maxFrame))) } //nolint:gosec // bounded
	e := &Event{Position: unsigned(), Revision: signed(), Created: signed()}
	e.JSON = string(take(1)) == "\x01"
	copy(e.ID[:], take(len(e.ID)))
	e.Stream, e.Type = string(text()), string(text())
	e.Data, e.Metadata = text(), text()
	if !ok || len(c) > 0 || !carried(e.Stream) {
		return nil, fmt.Errorf("%w: record %d", ErrDamaged, f.number-1)
	}
	return e, nil
}
