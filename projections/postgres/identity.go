package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// identity is the user that the server's processes run as. PostgreSQL refuses to run as root.
type identity struct {
	name     string
	uid, gid int // of the files, as we see them
	attr     func() *syscall.SysProcAttr
}

// chooseIdentity answers who can run the programs and reach the data, tried with the real program. Root becomes the owner of
// the existing data, else the user postgres, else nobody, else whoever owns a directory on the way to the data, and last
// itself within a user namespace, which reaches below root's 0700 home.
func chooseIdentity(ctx context.Context, p programs, base, dataDir string) (identity, error) {
	dir := base
	if dataDir != "" {
		dir = filepath.Dir(dataDir)
	}
	if os.Geteuid() != 0 {
		return identity{"the current user", os.Getuid(), os.Getgid(), childAttr}, nil
	}
	var tried []error
	for _, who := range append(droppedTo(dataDir, dir), namespaced()...) {
		_, err := runAs(ctx, who, dir, p.path("postgres"), "--version")
		if err == nil {
			return who, nil
		}
		tried = append(tried, fmt.Errorf("as %s: %w", who.name, err))
	}
	return identity{}, fmt.Errorf("postgres: the server cannot run as root, and no other user reaches both %s and %s: %w",
		p.bin, dir, errors.Join(tried...))
}

// droppedTo lists the users that root may become.
func droppedTo(dataDir, dir string) []identity {
	var list []identity
	add := func(name string, uid, gid int) {
		list = append(list, identity{name, uid, gid, func() *syscall.SysProcAttr {
			attr := childAttr()
			attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), Groups: []uint32{}}
			return attr
		}})
	}
	addOwner := func(path string) {
		if info, err := os.Stat(path); err == nil {
			if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 {
				add(fmt.Sprintf("the owner of %s", path), int(st.Uid), int(st.Gid))
			}
		}
	}
	if dataDir != "" {
		addOwner(dataDir)
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errU := strconv.Atoi(u.Uid)
		gid, errG := strconv.Atoi(u.Gid)
		if errU == nil && errG == nil {
			add(name, uid, gid)
		}
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		addOwner(dir)
	}
	return list
}

// runAs runs a program to its end and answers what it printed. The error holds the last lines.
func runAs(ctx context.Context, who identity, dir, program string, args ...string) (string, error) {
	// The parent-death signal comes when the thread that forked ends, not the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env, cmd.SysProcAttr = dir, environment(), who.attr()
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil && text != "" {
		err = fmt.Errorf("%w: %s", err, lastLines(text, 5))
	}
	return text, err
}

// giveTo makes who the owner of everything below path. Only root can, and only root needs to.
func giveTo(who identity, path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return filepath.WalkDir(path, func(p string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(p, who.uid, who.gid)
	})
}
