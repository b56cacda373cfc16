package main

import "syscall"

// childAttributes makes a child end with us, also after kill -9, and keeps the terminal's Ctrl-C from it: we stop it in order.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
}
