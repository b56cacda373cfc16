//go:build !linux && !windows

package host

func domain() string { return "" }
