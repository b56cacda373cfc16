package storage

// arena is where records are built. Live readers keep them, so a block is filled once and then theirs.
type arena struct{ block []byte }

const arenaBlock = 256 << 10

// room returns an empty slice to which size bytes can be appended.
func (a *arena) room(size int) []byte {
	if cap(a.block)-len(a.block) < size {
		a.block = make([]byte, 0, max(size, arenaBlock))
	}
	return a.block[len(a.block):]
}

// keep makes what was appended to the last room the record's.
func (a *arena) keep(record []byte) { a.block = a.block[:len(a.block)+len(record)] }
