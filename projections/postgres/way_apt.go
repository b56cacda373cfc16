package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// aptWay installs the distribution's package. It changes the system, so it comes last and is announced in the log.
func aptWay() way {
	return way{"apt (as root on Debian and its relatives: the package postgresql)", findApt}
}

func findApt(ctx context.Context, cfg Config) ([]string, error) {
	if _, err := os.Stat("/etc/debian_version"); err != nil {
		return nil, errors.New("this is not a Debian-like system")
	}
	apt, err := exec.LookPath("apt-get")
	if err != nil {
		return nil, errors.New("apt-get is not on PATH")
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("not root; an administrator may run: apt-get install postgresql")
	}
	if dirs := usualDirectories(); len(dirs) > 0 {
		return nil, fmt.Errorf("%s is installed already", dirs[0])
	}
	cfg.Log.Warn("installing the package postgresql by apt: this changes the system")
	if err := forbidMainCluster(); err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{"update"},
		{"install", "-y", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold", "postgresql"},
	} {
		cmd := exec.CommandContext(ctx, apt, append([]string{"-q", "-o", "DPkg::Lock::Timeout=120"}, args...)...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("apt-get %s: %w: %s", args[0], err, lastLines(string(out), 5))
		}
	}
	return usualDirectories(), nil
}

// forbidMainCluster keeps the package from making a cluster of its own and starting it on port 5432. An existing file is
// the administrator's and stays.
func forbidMainCluster() error {
	const path = "/etc/postgresql-common/createcluster.conf"
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString("create_main_cluster = false\n")
	return errors.Join(err, f.Close())
}
