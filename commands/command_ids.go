package commands

import (
	"encoding/binary"
	"slices"

	"github.com/google/uuid"
)

// commandIDs are the commands that a stream has events of, in 32 bits each. The stream itself decides whether an id is among
// them; this spares all but one new command in millions the reading. Most devices have seen two when they are loaded, an
// enrollment and a report: so many take no memory of their own.
type commandIDs struct {
	first [2]uint32 // zero is none
	more  *[]uint32
}

// short stands for an id. All of its parts count, since one may be the same in many: the time of a UUIDv7, the node of a UUIDv1.
func short(command uuid.UUID) uint32 {
	var s uint32
	for part := range slices.Chunk(command[:], 4) {
		s ^= binary.BigEndian.Uint32(part)
	}
	return max(s, 1)
}

// mayHave reports false only for a command that has left nothing in the stream.
func (c *commandIDs) mayHave(command uuid.UUID) bool {
	id := short(command)
	return slices.Contains(c.first[:], id) || c.more != nil && slices.Contains(*c.more, id)
}

// add takes in the command of one more event.
func (c *commandIDs) add(command uuid.UUID) {
	switch id := short(command); {
	case id == c.last(): // the events of one command stand together
	case c.first[0] == 0:
		c.first[0] = id
	case c.first[1] == 0:
		c.first[1] = id
	case c.more == nil:
		c.more = &[]uint32{id}
	default:
		*c.more = append(*c.more, id)
	}
}

// last is the newest, zero if there is none.
func (c *commandIDs) last() uint32 {
	switch {
	case c.more != nil:
		return (*c.more)[len(*c.more)-1]
	case c.first[1] != 0:
		return c.first[1]
	}
	return c.first[0]
}
