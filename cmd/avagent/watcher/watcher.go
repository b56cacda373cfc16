// Package watcher follows folders and tells which files in them are new, have changed or have gone.
package watcher

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Config says what to follow.
type Config struct {
	// Roots are followed with all below them, without following links. Those that do not exist are left out.
	Roots []string
	// Skip reports whether a folder is left out with all below it.
	Skip func(dir string) bool
	// Quiet is how long a file must have been left alone before it is told; 0 means half a second.
	Quiet time.Duration
	// Again is the shortest time between two times that a file is told, for those that are written all the time; 0 means ten seconds.
	Again time.Duration
}

// Bounds of what is followed and of what is told at once.
const (
	maxFolders = 100_000
	maxBatch   = 1000
)

// Watcher follows folders. Run or Close it.
type Watcher struct {
	cfg     Config
	fs      *fsnotify.Watcher
	folders int
	due     map[string]time.Time // files that have changed: when they may be told
	told    map[string]time.Time // files that were told of late
}

// New begins to follow the folders: what happens from now on is told by Run. The error says why that is not possible.
func New(cfg Config) (*Watcher, error) {
	if cfg.Quiet == 0 {
		cfg.Quiet = 500 * time.Millisecond
	}
	if cfg.Again == 0 {
		cfg.Again = 10 * time.Second
	}
	notifier, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("folders can't be watched: %w", err)
	}
	w := &Watcher{cfg: cfg, fs: notifier, due: map[string]time.Time{}, told: map[string]time.Time{}}
	for _, root := range cfg.Roots {
		if err := w.follow(root, nil); err != nil {
			return nil, errors.Join(err, notifier.Close())
		}
	}
	if w.folders == 0 {
		return nil, errors.Join(errors.New("there is no folder that could be watched"), notifier.Close())
	}
	return w, nil
}

// Close ends it without Run.
func (w *Watcher) Close() error { return w.fs.Close() }

// Run calls changed with files that are new, have changed or have gone, and with folders about which all is open, one call at a
// time, until the context ends. What happens during a call waits for the next.
func (w *Watcher) Run(ctx context.Context, changed func(ctx context.Context, paths []string)) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer func() { err = errors.Join(err, w.fs.Close()) }()
	tick := time.NewTicker(w.cfg.Quiet / 2)
	defer tick.Stop()
	free := make(chan struct{}, 1) // holds a token while there is no call
	free <- struct{}{}
	defer func() { cancel(); <-free }()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-w.fs.Events:
			if !ok {
				return errors.New("the watching of folders has ended")
			}
			if err := w.note(e); err != nil {
				return err
			}
		case failure := <-w.fs.Errors:
			if !errors.Is(failure, fsnotify.ErrEventOverflow) {
				return fmt.Errorf("folders can't be watched any more: %w", failure)
			}
			for _, root := range w.cfg.Roots { // what was lost, nobody knows
				if err := w.follow(root, nil); err != nil {
					return err
				}
				w.later(root)
			}
		case now := <-tick.C:
			select {
			case <-free:
			default:
				continue
			}
			paths := w.ready(now)
			if len(paths) == 0 {
				free <- struct{}{}
				continue
			}
			go func() {
				defer func() { free <- struct{}{} }()
				changed(ctx, paths)
			}()
		}
	}
}

// note draws the conclusion from what has happened to one name.
func (w *Watcher) note(e fsnotify.Event) error {
	if e.Op == fsnotify.Chmod {
		return nil
	}
	info, err := os.Lstat(e.Name)
	if err == nil && info.IsDir() {
		if !e.Has(fsnotify.Create) {
			return nil // what is in it is told by itself
		}
		return w.follow(e.Name, w.later) // it may have been filled before it was followed
	}
	if err == nil && !info.Mode().IsRegular() {
		return nil // reading it would do things
	}
	w.later(e.Name)
	if err != nil { // it has gone, which is quickly seen
		w.due[e.Name] = time.Now().Add(w.cfg.Quiet)
	}
	return nil
}

// later has a file told once it is left alone, but not more often than Again.
func (w *Watcher) later(path string) {
	due := time.Now().Add(w.cfg.Quiet)
	if told, ok := w.told[path]; ok {
		if next := told.Add(w.cfg.Again); next.After(due) {
			due = next
		}
	}
	w.due[path] = due
}

// ready takes out what may be told now.
func (w *Watcher) ready(now time.Time) (paths []string) {
	for path, at := range w.told {
		if now.Sub(at) > w.cfg.Again {
			delete(w.told, path)
		}
	}
	for path, due := range w.due {
		if !due.After(now) && len(paths) < maxBatch {
			paths = append(paths, path)
			delete(w.due, path)
			w.told[path] = now
		}
	}
	return paths
}

// follow follows a folder with all below it, and calls each for the files that are there. A folder is followed before it is read,
// so that nothing gets in between. What can't be read is left out: it can't be scanned either.
func (w *Watcher) follow(root string, each func(string)) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil && entry != nil && entry.IsDir() && path != root:
			return fs.SkipDir
		case err != nil:
			return nil //nolint:nilerr // gone, or not for us
		case !entry.IsDir():
			if each != nil && entry.Type().IsRegular() {
				each(path)
			}
			return nil
		case w.cfg.Skip != nil && w.cfg.Skip(path):
			return fs.SkipDir
		}
		return w.add(path)
	})
}

func (w *Watcher) add(dir string) error {
	if w.folders >= maxFolders {
		return fmt.Errorf("there are more than %d folders, too many to be watched", maxFolders)
	}
	err := w.fs.Add(dir)
	switch {
	case err == nil:
		w.folders++
		return nil
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("this system allows no more than %d folders to be watched (fs.inotify.max_user_watches)", w.folders)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return fs.SkipDir
	}
	return fmt.Errorf("%s can't be watched: %w", dir, err)
}
