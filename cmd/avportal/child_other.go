//go:build !linux

package main

import "syscall"

// childAttributes of systems that can't tie a child to its parent's life.
func childAttributes() *syscall.SysProcAttr { return nil }
