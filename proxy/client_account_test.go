package proxy

import (
	"net/netip"
	"testing"

	"reverse-proxy/proxy/limit"
)

func TestAccountsAreOneForEachClientAndEndWithItsLastConnection(t *testing.T) {
	all := accounts{}
	key := func(address string) limit.Key { return limit.NewKey(netip.MustParseAddr(address)) }
	first, second := all.open(key("192.0.2.1")), all.open(key("::ffff:192.0.2.1"))
	if first != second {
		t.Error("an IPv4 address and its IPv4-mapped form have two accounts, want one")
	}
	if a, b := all.open(key("2001:db8::1")), all.open(key("2001:db8::2")); a != b {
		t.Error("two addresses of one /64 have two accounts, want one")
	}
	if all.open(key("2001:db8:0:1::1")) == all[key("2001:db8::1")] {
		t.Error("two /64 prefixes share an account")
	}
	all.close(first)
	if all[key("192.0.2.1")] != first {
		t.Error("the account ended while the client has a connection")
	}
	all.close(first)
	if _, ok := all[key("192.0.2.1")]; ok {
		t.Error("the account outlives the client's last connection")
	}
}
