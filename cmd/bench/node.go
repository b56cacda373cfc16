package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/google/uuid"

	"avportal/cmd/bench/internal/wire"
	"avportal/eventstore"
	"avportal/eventstore/node"
)

// The event of the node's measurements is like a device's report: some 300 bytes of facts and the metadata of every event
// of the portal, with a correlation of its own, which is the dearest case: it makes a stream of its own.
const nodeTenant = "5f0c6d2e8b7a4c3d9e1f0a2b4c6d8e0f"

// nodeFacts are the facts of the events. They differ, so that they cannot be compressed away, and are made beforehand.
var nodeFacts = func() (all [1024][]byte) {
	for i := range all {
		a, b := nodeID(-1, i), nodeID(-2, i)
		all[i] = fmt.Appendf(nil, `{"engine":"ClamAV 1.4.%d","signatures":"2026-11-23T%02d:%02d:00Z","os":"Windows 11 Pro 24H2","addresses":["10.0.%d.%d","fe80::%x"],`+
			`"protection":"on","lastScan":"2026-11-22T23:%02d:%02dZ","threats":0,"serial":"%s","scan":"%s","files":%d}`,
			i%3, i%24, i%60, a[0], a[1], a[8:16], b[0]%60, b[1]%60, a, b, i*7919)
	}
	return all
}()

func nodeEvent(writer, i int, correlation uuid.UUID) wire.Event {
	id := nodeID(writer, i)
	metadata := make([]byte, 0, 192)
	metadata = append(metadata, `{"$correlationId":"`...)
	metadata = append(metadata, correlation.String()...)
	metadata = append(metadata, `","$causationId":"`...)
	metadata = append(metadata, correlation.String()...)
	metadata = append(metadata, `","actor":{"kind":"client","id":"5f0c6d2e-8b7a-4c3d-9e1f-0a2b4c6d8e0f"},"v":1}`...)
	return wire.Event{ID: id, Type: "reported", Data: nodeFacts[(writer*31+i)&1023], Metadata: metadata}
}

// nodeID makes ids that are unique in a run and look like chance.
func nodeID(writer, i int) (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[:8], uint64(writer+1)<<32|uint64(i))                      //nolint:gosec // small numbers
	binary.BigEndian.PutUint64(id[8:], (uint64(writer)<<40+uint64(i)+1)*0x9e3779b97f4a7c15) //nolint:gosec // small numbers
	return id
}

func nodeStream(name int) string { return fmt.Sprintf("%s-device-%s", nodeTenant, nodeID(name, 0)) }

// filledStream is one of the streams that fillNode writes.
func filledStream(of, number int) string { return nodeStream(of<<16 + number) }

// givenBytes is what an event has to say: what its author gave, and where it belongs.
func givenBytes(stream string, e wire.Event) int {
	return len(stream) + len(e.ID) + len(e.Type) + len(e.Data) + len(e.Metadata)
}

// fillNode writes events to many streams in turns, a hundred to an append, and returns how many bytes their authors gave.
func fillNode(ctx context.Context, address string, streams, events int) (size int64, err error) {
	const each = 100
	writers := min(streams, 4) // a stream has one writer, so that its revisions are known
	a, err := wire.NewAppender(ctx, address, writers)
	if err != nil {
		return 0, err
	}
	failed := make(chan error, writers)
	for w := range writers {
		go func() {
			for batch := w; batch*each < events; batch += writers {
				list := make([]wire.Event, min(each, events-batch*each))
				for i := range list {
					list[i] = nodeEvent(-streams, batch*each+i, nodeID(streams, batch*each+i))
				}
				if err := a.Append(w, filledStream(streams, batch%streams), eventstore.Revision(batch/streams*each-1), list...); err != nil {
					failed <- err
					return
				}
			}
			failed <- nil
		}()
	}
	for range writers {
		err = errors.Join(err, <-failed)
	}
	one := givenBytes(filledStream(streams, 0), nodeEvent(0, 0, uuid.UUID{}))
	return int64(events) * int64(one), errors.Join(err, a.Close())
}

// nodeProcess is a node in a process of its own.
type nodeProcess struct {
	*exec.Cmd
	stdin   io.WriteCloser
	address string
}

// childCommand makes this program a node. It ends when the program that started it does.
const childCommand = "node-process"

func startNode(ctx context.Context, dir string) (*nodeProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &nodeProcess{Cmd: exec.CommandContext(ctx, self, childCommand, dir)} //nolint:gosec // this very program
	p.Stderr = os.Stderr
	if p.stdin, err = p.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the node did not start: %w", err), p.kill())
	}
	p.address = strings.TrimSpace(line)
	return p, nil
}

// runChild is the other end of startNode.
func runChild(ctx context.Context, dir string) error {
	n, err := node.Open(ctx, node.Config{Dir: dir})
	if err != nil {
		return err
	}
	fmt.Println(n.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	return n.Close()
}

// stop lets the node close its log.
func (p *nodeProcess) stop() error { return errors.Join(p.stdin.Close(), p.Wait()) }

// kill does not.
func (p *nodeProcess) kill() error {
	err := p.Process.Kill()
	var exit *exec.ExitError
	if ended := p.Wait(); ended != nil && !errors.As(ended, &exit) {
		err = errors.Join(err, ended)
	} else if exit != nil {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && !status.Signaled() {
			err = errors.Join(err, ended)
		}
	}
	return err
}

// resident is the memory that a process has, and the most that it ever had, in bytes.
func (p *nodeProcess) resident() (now, most float64, err error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.Process.Pid), "status"))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(line, ":")
		kilobytes, _ := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 64)
		switch name {
		case "VmRSS":
			now = kilobytes * 1024
		case "VmHWM":
			most = kilobytes * 1024
		}
	}
	return now, most, nil
}
