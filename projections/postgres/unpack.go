package postgres

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// unpack writes the regular files below prefix of a gzipped tar archive into dir, readable for everybody.
func unpack(archive io.Reader, prefix, dir string) error {
	unzipped, err := gzip.NewReader(archive)
	if err != nil {
		return err
	}
	for entries := tar.NewReader(unzipped); ; {
		entry, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name, inside := strings.CutPrefix(entry.Name, prefix)
		if !inside || entry.Typeflag != tar.TypeReg {
			continue
		}
		if !filepath.IsLocal(name) {
			return fmt.Errorf("entry %q leads outside", entry.Name)
		}
		mode := fs.FileMode(0o644)
		if entry.Mode&0o111 != 0 || strings.HasPrefix(name, "bin/") {
			mode = 0o755
		}
		if err := writeFile(filepath.Join(dir, name), entries, mode); err != nil {
			return err
		}
	}
}

func writeFile(path string, content io.Reader, mode fs.FileMode) error {
	if err := makeReadable(filepath.Dir(path)); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Chmod(mode), f.Close()) // Chmod, because a umask of 077 would shut others out
}

func makeReadable(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := makeReadable(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	return os.Chmod(dir, 0o755)
}

// linkLibraries makes the symbolic links that an npm archive cannot hold. The package's install script would make
// them, but npm runs such scripts less and less readily.
func linkLibraries(native string) error {
	text, err := os.ReadFile(filepath.Join(native, "pg-symlinks.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // macOS packages need none
	}
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string } // both relative to the package, "native/lib/libpq.so.5"
	if err := json.Unmarshal(text, &links); err != nil {
		return err
	}
	for _, link := range links {
		target := strings.TrimPrefix(link.Target, "native/")
		source, err := filepath.Rel(filepath.Dir(link.Target), link.Source)
		if err != nil || !filepath.IsLocal(target) || !filepath.IsLocal(source) {
			return fmt.Errorf("link %q to %q leads outside", link.Target, link.Source)
		}
		if err := os.Symlink(source, filepath.Join(native, target)); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}
