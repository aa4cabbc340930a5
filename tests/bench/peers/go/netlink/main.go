// Command netlink watches with github.com/vishvananda/netlink and keeps the addresses in a map. It subscribes
// to routes as well, because a program that wants to know the default route has to.
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
	routes := make(chan netlink.RouteUpdate)
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
	err = netlink.RouteSubscribeWithOptions(routes, nil, netlink.RouteSubscribeOptions{
		ErrorCallback: failed,
	})
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		for range links {
			peer.Seen()
		}
	}()
	go func() {
		for range routes { // no change of an address or a link
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
