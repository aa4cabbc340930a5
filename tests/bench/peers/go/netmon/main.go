// Command netmon watches with tailscale.com/net/netmon, default options.
package main

import (
	"log"
	"os"

	"netwatch/bench/protocol"
	"tailscale.com/net/netmon"
	"tailscale.com/types/logger"
	"tailscale.com/util/eventbus"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "read" {
		protocol.Reads(func() error {
			_, err := netmon.New(eventbus.New(), logger.Discard)
			return err
		})
		return
	}
	var peer protocol.Peer
	monitor, err := netmon.New(eventbus.New(), logger.Discard)
	if err != nil {
		log.Fatal(err)
	}
	monitor.RegisterChangeCallback(func(*netmon.ChangeDelta) { peer.Seen() })
	monitor.Start()
	peer.Run(func() (addresses []string) {
		for _, prefixes := range monitor.InterfaceState().InterfaceIPs {
			for _, prefix := range prefixes {
				addresses = append(addresses, prefix.String())
			}
		}
		return addresses
	})
}
