// Package protocol is what a peer prints; see ../../README.md.
package protocol

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Peer collects the times of the changes that the library reported.
type Peer struct {
	mu     sync.Mutex
	events []int64
}

// Seen records a change.
func (p *Peer) Seen() {
	var now unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	p.mu.Lock()
	p.events = append(p.events, now.Nano())
	p.mu.Unlock()
}

// Run prints "ready", waits for the end of standard input and prints the events and the state.
func (p *Peer) Run(state func() []string) {
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, at := range p.events {
		fmt.Fprintf(out, "event %d\n", at)
	}
	fmt.Fprint(out, "state")
	for _, address := range state() {
		fmt.Fprintf(out, " %s", address)
	}
	fmt.Fprintln(out)
}
