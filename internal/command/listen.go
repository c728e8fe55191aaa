// Where a command that serves listens.

package command

import (
	"net"
	"net/netip"
	"strconv"
)

// ListenOn is what to listen on for -addr, and nothing wider: a port alone is
// the loopback interface's, and an address of IPv4, or of IPv6, is not that of
// the other, too, as it is in package net for those that mean all.
func ListenOn(addr string) (network, exact string, err error) {
	host, port, err := net.SplitHostPort(addr)
	if n, bad := strconv.Atoi(port); err != nil || bad != nil || n < 0 || n > 65535 {
		return "", "", Usagef("-addr %q: want host:port, as in 127.0.0.1:8080, or a port of this machine, as in :8080; 0.0.0.0:8080 is every address that it has", addr)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	network = "tcp"
	if ip, err := netip.ParseAddr(host); err == nil {
		network = "tcp6"
		if ip.Is4() {
			network = "tcp4"
		}
	}
	return network, net.JoinHostPort(host, port), nil
}
