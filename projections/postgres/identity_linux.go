package postgres

import "syscall"

// childAttr ends the child in order (SIGINT is PostgreSQL's fast shutdown) when we die, whatever we die of. A process group
// of its own keeps a Ctrl-C on the terminal from reaching the server before the portal has finished its work.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGINT}
}

// namespaced is root itself, under the uid 1000 within a new user namespace: files keep root as their owner. Some
// containers forbid it.
func namespaced() []identity {
	const inner = 1000
	return []identity{{"root in a user namespace", 0, 0, func() *syscall.SysProcAttr {
		attr := childAttr()
		attr.Cloneflags = syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: inner, HostID: 0, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: inner, HostID: 0, Size: 1}}
		attr.Credential = &syscall.Credential{Uid: inner, Gid: inner, NoSetGroups: true}
		return attr
	}}}
}

// dieWithUs says whether childAttr alone ends the server after kill -9 of this process.
const dieWithUs = true
