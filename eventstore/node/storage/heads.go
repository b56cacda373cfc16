package storage

// head is what the writer knows about one stream, with every append counted that was decided, also those whose
// fsync is still under way.
type head struct {
	stream     string
	last       int64 // revision of the last event, -1 for none
	tombstoned bool
	hasMeta    bool // the stream has a $metadata event
	meta       StreamMetadata
	deletion   []byte // the $metadata as written while it says soft-deleted: an undelete keeps its other keys

	// What the commit under construction has added: the index run to be written, and the ids and positions
	// for repeats that arrive in the same commit.
	runFirst int64
	run      []byte
	runSpace [16]byte // of most runs, which are short
	runCount int
	runLast  uint64
	pending  []written
	touched  bool
}

type written struct {
	id       [16]byte
	revision int64
	position uint64
}

// twoGenerations is a bounded cache: what was not used for a whole generation is forgotten. It costs one map
// lookup for what is in use, and no bookkeeping per use.
type twoGenerations[K comparable, V any] struct {
	limit int // per generation
	young map[K]V
	old   map[K]V
}

func newTwoGenerations[K comparable, V any](limit int) *twoGenerations[K, V] {
	return &twoGenerations[K, V]{limit: limit, young: make(map[K]V)}
}

func (c *twoGenerations[K, V]) get(key K) (V, bool) {
	v, found := c.young[key]
	if found {
		return v, true
	}
	if v, found = c.old[key]; found {
		c.young[key] = v
	}
	return v, found
}

func (c *twoGenerations[K, V]) put(key K, v V) { c.young[key] = v }

// rotate forgets the old generation if the young one is full. The caller decides when that is safe.
func (c *twoGenerations[K, V]) rotate() {
	if len(c.young) >= c.limit {
		c.old, c.young = c.young, make(map[K]V, c.limit)
	}
}
