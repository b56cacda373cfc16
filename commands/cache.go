package commands

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"sync"

	"avportal/domain"
	"avportal/eventstore"
)

// cache keeps aggregates by stream. When it is full, one goes that was not used since the hand of the clock last came by:
// nearly the one least recently used, without a list in that order and what it takes for each. An aggregate that is
// evicted while in use does no harm: whoever appends second from a stale state meets ErrConflict.
//
// The clock is the index too, since a map and a list would take half as much again as the aggregates themselves: a hash table
// with linear probing, over whose slots the hand goes in their order.
type cache struct {
	mu     sync.Mutex
	size   int
	secret [16]byte
	slots  []cached // one in five at least is free (nil), so that a search soon ends
	count  int
	hand   int
}

// cached is an aggregate whatever its state is: a *stateful[S].
type cached interface{ base() *aggregate }

// streamKey stands for a stream's name, which would take 200 bytes with all its parts. It is of a hash with a secret, so that
// nobody can look for two names of one key; that two of a million have one by chance is less likely than one in 10^16.
type streamKey [12]byte

// How often the hand passes an aggregate by. It may stand just before a new one, so that has a turn; when all others are new
// and lose theirs, one that was used again still has one left.
const (
	turnsIfNew  = 1
	turnsIfUsed = 2
)

func newCache(size int) *cache {
	if size < 1 || size > math.MaxInt32 {
		panic(fmt.Sprintf("commands: cache size %d", size))
	}
	c := &cache{size: size}
	_, _ = rand.Read(c.secret[:]) // it never fails
	return c
}

func (c *cache) keyOf(s domain.Stream) (k streamKey) {
	sum := sha256.Sum256(append(append(make([]byte, 0, 128), c.secret[:]...), s.String()...))
	copy(k[:], sum[:])
	return k
}

// obtain is the stream's aggregate, a new one if there is none.
func obtain[S domain.State[S]](c *cache, stream domain.Stream) *stateful[S] {
	key := c.keyOf(stream)
	c.mu.Lock()
	defer c.mu.Unlock()
	if i, found := c.find(key); found {
		if a, ok := c.slots[i].(*stateful[S]); ok {
			a.turns = turnsIfUsed
			return a
		}
		c.drop(i) // somebody took the stream for one of another kind
	}
	c.makeRoom()
	a := &stateful[S]{aggregate: aggregate{key: key, turns: turnsIfNew}}
	c.put(a)
	return a
}

// notice tells the stream's aggregate, if there is one, of an event.
func (c *cache) notice(stream domain.Stream, r eventstore.Revision) {
	key := c.keyOf(stream)
	c.mu.Lock()
	defer c.mu.Unlock()
	if i, found := c.find(key); found {
		c.slots[i].base().noticed.Store(eventsUpTo(r)) // under the mutex: what drop says afterwards must stay
	}
}

// evict forgets an aggregate, but not one that has taken its place meanwhile.
func (c *cache) evict(a *aggregate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i, found := c.find(a.key); found && c.slots[i].base() == a {
		c.drop(i)
	}
	a.loaded = false
}

// clear forgets all aggregates.
func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.slots {
		if s != nil {
			s.base().noticed.Store(unknowable)
		}
	}
	c.slots, c.count, c.hand = nil, 0, 0
}

// find gives the slot of a key, or else the free one where it would stand.
func (c *cache) find(k streamKey) (slot int, found bool) {
	if len(c.slots) == 0 {
		return 0, false
	}
	for i := c.home(k); ; i = c.after(i) {
		if c.slots[i] == nil {
			return i, false
		}
		if c.slots[i].base().key == k {
			return i, true
		}
	}
}

// home is where a key stands if nothing else does.
func (c *cache) home(k streamKey) int {
	return int(uint64(binary.BigEndian.Uint32(k[:])) * uint64(len(c.slots)) >> 32) //nolint:gosec // less than the length
}

func (c *cache) after(slot int) int {
	if slot++; slot < len(c.slots) {
		return slot
	}
	return 0
}

// put takes in an aggregate whose key is not there.
func (c *cache) put(a cached) {
	i, _ := c.find(a.base().key)
	c.slots[i] = a
	c.count++
}

// makeRoom sees to it that one more can be put in. If the cache is full it moves the hand to the first aggregate whose turns
// are over, and drops that.
func (c *cache) makeRoom() {
	if c.count < c.size {
		c.grow()
		return
	}
	for ; ; c.hand = c.after(c.hand) {
		if c.slots[c.hand] == nil {
			continue
		}
		if a := c.slots[c.hand].base(); a.turns > 0 {
			a.turns--
			continue
		}
		c.drop(c.hand)
		return
	}
}

// grow doubles the table if it has to, but never beyond what the full cache needs. The hand moves only after that.
func (c *cache) grow() {
	if c.count < len(c.slots)/5*4 {
		return
	}
	all := c.slots
	c.slots, c.count = make([]cached, min(max(10, 2*len(all)), (c.size+3)/4*5)), 0
	for _, s := range all {
		if s != nil {
			c.put(s)
		}
	}
}

// drop frees a slot. Those after it that stand there only because it was taken move up, so that no search ends too soon.
func (c *cache) drop(slot int) {
	c.slots[slot].base().noticed.Store(unknowable) // for who is using it just now
	c.count--
	free := slot
	for i := c.after(slot); c.slots[i] != nil; i = c.after(i) {
		if !between(free, c.home(c.slots[i].base().key), i) {
			c.slots[free], free = c.slots[i], i
		}
	}
	c.slots[free] = nil
}

// between reports whether a slot comes after one and not after another, round the end of the table.
func between(from, slot, to int) bool {
	if from <= to {
		return from < slot && slot <= to
	}
	return from < slot || slot <= to
}
