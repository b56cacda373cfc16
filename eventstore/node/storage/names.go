package storage

import "time"

// names is a Bloom filter over the names of all streams. Nearly every command makes a stream (that of its
// correlation id, at least), and to look for it on disk only to find nothing was the dearest part of a write.
//
// What was there at start is read in the background; until that is done every name may exist.
type names struct {
	old   chan *nameFilter // gets the filter of what was there at start
	known *nameFilter      // the same, once it is read
	fresh *nameFilter      // made since; used by the writer only
}

func newNames() *names { return &names{old: make(chan *nameFilter, 1), fresh: &nameFilter{}} }

// add notes a stream that the writer makes.
func (n *names) add(hash uint64) { n.fresh.add(hash) }

// mayExist is false only if there is no such stream.
func (n *names) mayExist(hash uint64) bool {
	if n.known == nil {
		select {
		case n.known = <-n.old:
		default:
			return true
		}
	}
	return n.known.has(hash) || n.fresh.has(hash)
}

// nameFilter grows by further tables, each twice as large as the one before.
type nameFilter struct {
	tables []filterTable
}

// A filterTable is a blocked Bloom filter: all bits of a name are in one block, which is one line of the cache.
type filterTable struct {
	blocks [][8]uint64
	count  int
}

const (
	firstTableNames = 1 << 14
	namesPerBlock   = 32 // 16 bits a name: about one in a thousand unknown names is taken for known
	bitsPerName     = 8
)

func (f *nameFilter) add(hash uint64) {
	if f.has(hash) {
		return
	}
	last := len(f.tables) - 1
	if last < 0 || f.tables[last].count == len(f.tables[last].blocks)*namesPerBlock {
		f.tables = append(f.tables, filterTable{blocks: make([][8]uint64, firstTableNames/namesPerBlock<<len(f.tables))})
		last++
	}
	t := &f.tables[last]
	t.count++
	block := t.block(hash)
	for i := range bitsPerName {
		word, bit := nameBit(hash, i)
		block[word] |= bit
	}
}

func (f *nameFilter) has(hash uint64) bool {
	for i := range f.tables {
		block := f.tables[i].block(hash)
		found := true
		for j := range bitsPerName {
			word, bit := nameBit(hash, j)
			if block[word]&bit == 0 {
				found = false
				break
			}
		}
		if found {
			return true
		}
	}
	return false
}

func (t *filterTable) block(hash uint64) *[8]uint64 {
	return &t.blocks[(hash>>32)%uint64(len(t.blocks))]
}

// nameBit picks one bit in each of the eight words of a block.
func nameBit(hash uint64, i int) (word int, bit uint64) {
	return i, 1 << (mix(hash) >> (6 * i) & 63)
}

// readNames fills the filter from the index. It takes turns with whatever else the machine has to do.
func (db *DB) readNames(r *reader, n *names) error {
	defer r.close()
	const burst = 20 * time.Millisecond
	f := &nameFilter{}
	it, err := r.indexIterator()
	if err != nil {
		return err
	}
	began := time.Now()
	for i, valid := 0, it.First(); valid; i, valid = i+1, it.Next() {
		stream, first, err := splitIndexKey(it.Key())
		if err != nil {
			return err
		}
		if first == 0 {
			f.add(db.hash(stream))
		}
		if i%1024 == 0 && time.Since(began) > burst {
			select {
			case <-db.closing:
				return nil
			case <-time.After(burst / 2):
			}
			began = time.Now()
		}
	}
	if err := it.Error(); err != nil {
		return err
	}
	n.old <- f
	return nil
}
