// Command netlink watches with github.com/vishvananda/netlink and keeps the addresses in a map.
package main

import (
	"log"
	"sync"

	"github.com/vishvananda/netlink"
	"netwatch/bench/protocol"
)

func main() {
	var peer protocol.Peer
	var mu sync.Mutex
	addresses := map[string]bool{}
	updates := make(chan netlink.AddrUpdate)
	links := make(chan netlink.LinkUpdate)
	failed := func(err error) { log.Print(err) } // the library ends the subscription
	err := netlink.AddrSubscribeWithOptions(updates, nil, netlink.AddrSubscribeOptions{
		ListExisting:  true,
		ErrorCallback: failed,
	})
	if err != nil {
		log.Fatal(err)
	}
	err = netlink.LinkSubscribeWithOptions(links, nil, netlink.LinkSubscribeOptions{
		ErrorCallback: failed,
	})
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		for update := range updates {
			mu.Lock()
			if key := update.LinkAddress.String(); update.NewAddr {
				addresses[key] = true
			} else {
				delete(addresses, key)
			}
			mu.Unlock()
			peer.Seen()
		}
	}()
	go func() {
		for range links {
			peer.Seen()
		}
	}()
	peer.Run(func() (list []string) {
		mu.Lock()
		defer mu.Unlock()
		for address := range addresses {
			list = append(list, address)
		}
		return list
	})
}
