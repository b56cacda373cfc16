package signatures

import (
	"bytes"
	"crypto/md5"  // nolint:gosec // the format of .hdb files
	"crypto/sha1" // nolint:gosec // the format of .hsb files
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// errUnsupported is internal: a well-formed line that this matcher cannot judge.
var errUnsupported = errors.New("unsupported signature")

// pattern is one .ndb line: parts that must follow one another with any gap ("*") between.
type pattern struct {
	name   string
	offset offset
	parts  []part
}

// part matches bytes b where (b ^ value) & mask is 0.
type part struct {
	value, mask []byte
	// solid is the longest run without wildcards, found by bytes.Index before anything is compared byte by byte.
	solidFrom, solidTo int
}

type offset struct {
	kind byte // '*' anywhere, 'a' absolute, 'e' from the end
	n    int
}

// addPattern reads "Name:Target:Offset:HexSignature[:MinLevel[:MaxLevel]]".
func (s *Set) addPattern(line string) error {
	fields := strings.Split(line, ":")
	if len(fields) < 4 || len(fields) > 6 || fields[0] == "" {
		return errors.New("not a line of an .ndb file (Name:Target:Offset:Signature)")
	}
	target, err := strconv.Atoi(fields[1])
	if err != nil {
		return fmt.Errorf("target type %q is not a number", fields[1])
	}
	off, err := parseOffset(fields[2])
	if err == nil && target != 0 {
		err = errUnsupported
	}
	var parts []part
	if err == nil {
		parts, err = parseParts(fields[3])
	}
	if errors.Is(err, errUnsupported) {
		s.Unsupported++
		return nil
	}
	if err != nil {
		return err
	}
	s.patterns = append(s.patterns, pattern{name: DisplayName(fields[0]), offset: off, parts: parts})
	return nil
}

func parseOffset(text string) (offset, error) {
	if text == "*" {
		return offset{kind: '*'}, nil
	}
	kind, digits := byte('a'), text
	if rest, ok := strings.CutPrefix(text, "EOF-"); ok {
		kind, digits = 'e', rest
	}
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return offset{}, errUnsupported // EP+n, Sx+n, VI, floating offsets "n,m": all need a parsed executable or more
	}
	n, err := strconv.ParseUint(digits, 10, 31)
	if err != nil {
		return offset{}, fmt.Errorf("offset %q: %w", text, err)
	}
	return offset{kind: kind, n: int(n)}, nil
}

func parseParts(text string) ([]part, error) {
	if strings.ContainsAny(text, "{}[]()|!") {
		return nil, errUnsupported
	}
	var parts []part
	for _, segment := range strings.Split(text, "*") {
		p, err := parsePart(segment)
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// minSolid is ClamAV's own rule: a part needs two fixed bytes in a row, or it would match almost anything.
const minSolid = 2

func parsePart(text string) (part, error) {
	if len(text) == 0 || len(text)%2 != 0 {
		return part{}, fmt.Errorf("signature part %q does not hold pairs of hex digits", shorten(text))
	}
	p := part{value: make([]byte, len(text)/2), mask: make([]byte, len(text)/2)}
	run := 0
	for i := range p.value {
		for j, shift := range []int{4, 0} {
			c := text[2*i+j]
			if c == '?' {
				continue
			}
			if c >= 'A' && c <= 'F' {
				c += 'a' - 'A'
			}
			d := strings.IndexByte("0123456789abcdef", c)
			if d < 0 {
				return part{}, fmt.Errorf("signature part %q: %q is not a hex digit", shorten(text), c)
			}
			p.value[i] |= byte(d << shift)
			p.mask[i] |= 0xf << shift
		}
		if p.mask[i] != 0xff {
			run = 0
			continue
		}
		if run++; run > p.solidTo-p.solidFrom {
			p.solidFrom, p.solidTo = i+1-run, i+1
		}
	}
	if p.solidTo-p.solidFrom < minSolid {
		return part{}, fmt.Errorf("signature part %q has no two fixed bytes in a row", shorten(text))
	}
	return p, nil
}

// addHash reads "Digest:Size:Name[:MinLevel]" with an MD5, SHA-1 or SHA-256 digest.
func (s *Set) addHash(line string) error {
	fields := strings.Split(line, ":")
	if len(fields) < 3 || len(fields) > 5 || fields[2] == "" {
		return errors.New("not a line of an .hdb or .hsb file (Digest:Size:Name)")
	}
	digest, err := hex.DecodeString(fields[0])
	if err != nil || (len(digest) != md5.Size && len(digest) != sha1.Size && len(digest) != sha256.Size) {
		return fmt.Errorf("%q is not an MD5, SHA-1 or SHA-256 digest", shorten(fields[0]))
	}
	size := int64(-1)
	if fields[1] != "*" {
		n, err := strconv.ParseUint(fields[1], 10, 63)
		if err != nil {
			return fmt.Errorf("file size %q is not a number", shorten(fields[1]))
		}
		size = int64(n)
	}
	if s.hashes[size] == nil {
		s.hashes[size] = map[string]string{}
	}
	s.hashes[size][hex.EncodeToString(digest)] = DisplayName(fields[2])
	return nil
}

func shorten(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}

// Match names the first signature that the content of a file holds.
func (s *Set) Match(content []byte) (name string, found bool) {
	for _, size := range []int64{int64(len(content)), -1} {
		if byDigest := s.hashes[size]; len(byDigest) > 0 {
			m, h, l := md5.Sum(content), sha1.Sum(content), sha256.Sum256(content)
			for _, digest := range [][]byte{m[:], h[:], l[:]} {
				if name, ok := byDigest[hex.EncodeToString(digest)]; ok {
					return name, true
				}
			}
		}
	}
	for i := range s.patterns {
		if s.patterns[i].in(content) {
			return s.patterns[i].name, true
		}
	}
	return "", false
}

func (p pattern) in(content []byte) bool {
	at := 0
	for i, part := range p.parts {
		var end int
		switch {
		case i > 0 || p.offset.kind == '*':
			end = part.find(content, at)
		case p.offset.kind == 'a':
			end = part.matchAt(content, p.offset.n)
		default:
			end = part.matchAt(content, len(content)-p.offset.n)
		}
		if end < 0 {
			return false
		}
		at = end
	}
	return true
}

// find returns the end of the first match at or after from, or -1. The earliest end of each part leaves most room for
// the next, so no other choice need be tried.
func (p part) find(content []byte, from int) int {
	solid := p.value[p.solidFrom:p.solidTo]
	for at := from + p.solidFrom; at <= len(content); {
		hit := bytes.Index(content[at:], solid)
		if hit < 0 {
			return -1
		}
		if end := p.matchAt(content, at+hit-p.solidFrom); end >= 0 {
			return end
		}
		at += hit + 1
	}
	return -1
}

func (p part) matchAt(content []byte, start int) int {
	if start < 0 || start > len(content)-len(p.value) {
		return -1
	}
	for i, v := range p.value {
		if (content[start+i]^v)&p.mask[i] != 0 {
			return -1
		}
	}
	return start + len(p.value)
}
