package host

import (
	"os"
	"strings"
)

func domain() string {
	content, err := os.ReadFile("/proc/sys/kernel/domainname")
	if name := strings.TrimSpace(string(content)); err == nil && name != "(none)" {
		return name
	}
	return ""
}
