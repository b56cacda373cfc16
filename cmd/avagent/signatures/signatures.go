// Package signatures reads ClamAV's signature databases: what version they are, and the plain ones well enough to match
// files without ClamAV.
package signatures

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Suffix that ClamAV hangs on names from databases that are not its own.
const Suffix = ".UNOFFICIAL"

// DisplayName is the name of a signature as people know it.
func DisplayName(raw string) string { return strings.TrimSuffix(raw, Suffix) }

// Version tells how old a database directory is.
type Version struct {
	// Version is the number in the header of the newest .cvd, .cld or .cud file. A directory of loose files has none and
	// gets its date, as digits.
	Version string
	// Date is when that file was built, or the newest file time of the loose files.
	Date time.Time
}

// ErrNone says that a directory holds no database.
var ErrNone = errors.New("no signature database")

// ReadVersion looks at every database of a directory. The error is ErrNone if there is none.
func ReadVersion(dir string) (Version, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return Version{}, fmt.Errorf("%w in %s: %w", ErrNone, dir, err)
	}
	var built, loose Version
	for _, f := range files {
		path := filepath.Join(dir, f.Name())
		switch strings.ToLower(filepath.Ext(f.Name())) {
		case ".cvd", ".cld", ".cud":
			if v, err := readHeader(path); err == nil && v.Date.After(built.Date) {
				built = v
			}
		case ".ndb", ".hdb", ".hsb", ".ldb", ".mdb", ".msb", ".cdb", ".yar", ".yara":
			if info, err := f.Info(); err == nil && info.ModTime().After(loose.Date) {
				date := info.ModTime().UTC().Truncate(time.Second)
				loose = Version{Version: date.Format("20060102150405"), Date: date}
			}
		}
	}
	switch {
	case !built.Date.IsZero():
		return built, nil
	case !loose.Date.IsZero():
		return loose, nil
	}
	return Version{}, fmt.Errorf("%w in %s", ErrNone, dir)
}

func readHeader(path string) (Version, error) {
	f, err := os.Open(path)
	if err != nil {
		return Version{}, err
	}
	defer f.Close()
	header := make([]byte, 512)
	n, err := io.ReadFull(f, header)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return Version{}, err
	}
	return ParseHeader(string(header[:n]))
}

// ParseHeader reads the first 512 bytes of a .cvd, .cld or .cud file:
// "ClamAV-VDB:build time:version:signatures:level:MD5:signature:builder:build time in seconds". The build time is written
// "17 Nov 2026 14-03 +0000", with a dash for the colon that separates fields.
func ParseHeader(header string) (Version, error) {
	fields := strings.Split(header, ":")
	if len(fields) < 8 || fields[0] != "ClamAV-VDB" {
		return Version{}, errors.New("not the header of a signature database")
	}
	date, err := time.Parse("2 Jan 2006 15-04 -0700", strings.TrimSpace(fields[1]))
	if err != nil {
		return Version{}, fmt.Errorf("build time of a signature database: %w", err)
	}
	if fields[2] == "" || len(fields[2]) > 20 || strings.Trim(fields[2], "0123456789") != "" {
		return Version{}, fmt.Errorf("%q is not the version of a signature database", fields[2])
	}
	return Version{Version: fields[2], Date: date.UTC()}, nil
}

// Set is what the built-in matcher looks for.
type Set struct {
	hashes   map[int64]map[string]string // by file size (-1: any), by lower-case hex digest: name
	patterns []pattern
	// Unsupported counts lines that need the real ClamAV: targets other than any file, jumps and alternatives.
	Unsupported int
}

// Len is how many signatures the set holds.
func (s *Set) Len() int {
	n := len(s.patterns)
	for _, bySize := range s.hashes {
		n += len(bySize)
	}
	return n
}

// Load reads every .ndb, .hdb and .hsb file of a directory. The error is ErrNone if nothing in it can be matched.
func Load(dir string) (*Set, error) {
	set := &Set{hashes: map[int64]map[string]string{}}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("%w in %s: %w", ErrNone, dir, err)
	}
	for _, f := range files {
		var add func(string) error
		switch strings.ToLower(filepath.Ext(f.Name())) {
		case ".ndb":
			add = set.addPattern
		case ".hdb", ".hsb":
			add = set.addHash
		default:
			continue
		}
		if err := loadFile(filepath.Join(dir, f.Name()), add); err != nil {
			return nil, err
		}
	}
	if set.Len() == 0 {
		return nil, fmt.Errorf("%w that the built-in matcher can use in %s", ErrNone, dir)
	}
	return set, nil
}

// maxLine bounds a signature. ClamAV's own longest are some 10 kB.
const maxLine = 64 << 10

func loadFile(path string, add func(line string) error) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("signature database: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(make([]byte, 0, 4096), maxLine)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := add(line); err != nil {
			return fmt.Errorf("%s line %d: %w", path, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
