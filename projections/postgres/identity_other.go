//go:build !linux

package postgres

import "syscall"

// childAttr keeps a Ctrl-C on the terminal from reaching the server before the portal has finished its work. There is no
// signal at the death of a parent here: the watcher sees to that.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// namespaced is empty: user namespaces are Linux's.
func namespaced() []identity { return nil }

// dieWithUs says whether childAttr alone ends the server after kill -9 of this process.
const dieWithUs = false
