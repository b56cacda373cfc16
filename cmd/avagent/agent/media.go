package agent

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"avportal/cmd/avagent/engine"
)

// onSystemPartition leaves out what lies on another drive. Where there are no drives, everything hangs from one root.
func onSystemPartition(roots []string) []string {
	if runtime.GOOS != "windows" {
		return roots
	}
	return slices.DeleteFunc(slices.Clone(roots), func(p string) bool {
		return !strings.EqualFold(filepath.VolumeName(p), os.Getenv("SystemDrive"))
	})
}

// removable lists where removable media are found on this system, as far as they lie within the roots.
func (a *Agent) removable() []string {
	places := []string{"/media", "/run/media", "/mnt"}
	switch runtime.GOOS {
	case "darwin":
		places = []string{"/Volumes"}
	case "windows":
		places = nil
		for letter := 'D'; letter <= 'Z'; letter++ {
			if drive := string(letter) + ":"; !strings.EqualFold(drive, os.Getenv("SystemDrive")) {
				places = append(places, drive+`\`)
			}
		}
	}
	return slices.DeleteFunc(existing(places), func(p string) bool {
		return !slices.ContainsFunc(a.cfg.Roots, func(root string) bool { return engine.Within(p, root) })
	})
}
