package host

import "golang.org/x/sys/windows"

func domain() string {
	size := uint32(256)
	buf := make([]uint16, size)
	if windows.GetComputerNameEx(windows.ComputerNameDnsDomain, &buf[0], &size) != nil {
		return ""
	}
	return windows.UTF16ToString(buf)
}
