// Package devicelog keeps what the agent writes, and puts together the log that the portal asks for: what the agent and its engine
// have written of late, without the names of people whose files it tells of.
package devicelog

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"gopkg.in/natefinch/lumberjack.v2"
)

// fileName is where the agent's own log stands in its state directory.
const fileName = "agent.log"

// Bounds of what is kept on disk: twice maxFile, in megabytes. tail is how much of each source is sent if all of it fits.
const (
	maxFile = 2
	tail    = 4 << 20
	leastOf = 1 << 10 // a source is not cut shorter than that
)

// Keep gives a log that writes to the state directory as well.
func Keep(log *slog.Logger, dir string) *slog.Logger {
	file := &lumberjack.Logger{Filename: filepath.Join(dir, fileName), MaxSize: maxFile, MaxBackups: 1}
	return slog.New(slog.NewMultiHandler(log.Handler(), slog.NewTextHandler(file, nil)))
}

// Source is something that is written to files. Patterns are those of filepath.Glob; the files of one follow each other in the
// order of their names.
type Source struct {
	Title   string
	Pattern string
}

// Own is what the agent has written.
func Own(dir string) Source {
	return Source{Title: "agent", Pattern: filepath.Join(dir, strings.TrimSuffix(fileName, ".log")+"*.log")}
}

// OfClamAV are the places where ClamAV writes by default.
func OfClamAV() []Source {
	dirs := []string{"/var/log/clamav"}
	switch runtime.GOOS {
	case "windows":
		dirs = []string{filepath.Join(os.Getenv("ProgramFiles"), "ClamAV")}
	case "darwin":
		dirs = []string{"/opt/homebrew/var/log/clamav", "/usr/local/var/log/clamav"}
	}
	var out []Source
	for _, dir := range dirs {
		out = append(out, Source{"engine", filepath.Join(dir, "clam*.log")}, Source{"updates", filepath.Join(dir, "freshclam.log")})
	}
	return out
}

// Collect puts the ends of all sources into one text and compresses it to at most limit bytes.
func Collect(sources []Source, limit int) ([]byte, error) {
	for size := tail; ; size /= 2 {
		var text bytes.Buffer
		for _, s := range sources {
			write(&text, s, size)
		}
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		_, err := w.Write(redact(text.Bytes()))
		if err == nil {
			err = w.Close()
		}
		switch {
		case err != nil:
			return nil, fmt.Errorf("compress the log: %w", err)
		case out.Len() <= limit:
			return out.Bytes(), nil
		case size <= leastOf:
			return nil, fmt.Errorf("the log does not fit in %d bytes", limit)
		}
	}
}

// write adds the last bytes of a source. What can't be read is said in its place: it tells something too.
func write(text *bytes.Buffer, s Source, size int) {
	files, err := filepath.Glob(s.Pattern)
	if err != nil || len(files) == 0 {
		fmt.Fprintf(text, "== %s: nothing at %s\n\n", s.Title, s.Pattern)
		return
	}
	var parts [][]byte
	for _, file := range slices.Backward(files) {
		if size <= 0 {
			break
		}
		content, err := end(file, int64(size))
		if err != nil {
			content = fmt.Appendf(nil, "(%v)\n", err)
		}
		size -= len(content)
		parts = append(parts, fmt.Appendf(nil, "== %s: %s\n%s\n", s.Title, file, strings.ToValidUTF8(string(content), "\uFFFD")))
	}
	for _, p := range slices.Backward(parts) {
		text.Write(p)
	}
}

// end reads the last bytes of a file, from the beginning of a line on.
func end(path string, size int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file that can be read: %w", path, err)
	}
	skip := max(0, info.Size()-size)
	content, err := io.ReadAll(io.NewSectionReader(f, skip, size))
	if skip > 0 {
		_, content, _ = bytes.Cut(content, []byte("\n"))
	}
	return content, err
}

// homes find the folders of people, also where backslashes are doubled in quotes.
var homes = []*regexp.Regexp{
	regexp.MustCompile(`(?i)([a-z]:\\{1,2}Users\\{1,2})[^\\/:*?"<>|\r\n]+`),
	regexp.MustCompile(`(/home/|/Users/)[^/\s:"']+`),
}

// redact takes the names of people out of the paths of their folders.
func redact(text []byte) []byte {
	for _, home := range homes {
		text = home.ReplaceAll(text, []byte("${1}*"))
	}
	return text
}
