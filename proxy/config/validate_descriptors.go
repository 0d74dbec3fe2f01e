package config

// maxConnectionsBound is more descriptors than any kernel gives one process, and small enough that computations with it
// cannot overflow.
const maxConnectionsBound = 1 << 30

// spareDescriptors is what the process needs besides connections and listeners: standard streams, log file, admin
// socket and its clients, health port, ACME, certificates while they are read, and the Go runtime's own.
const spareDescriptors = 64

// maxConnections resolves only the number `max_connections`; descriptors compares it with the process's limit.
func (v *validator) maxConnections(value *int64) int {
	number := orDefault(value, 1024)
	if number < 1 || number > maxConnectionsBound {
		v.addFault("max_connections", "%d is out of range; write a number of connections from 1 to %d",
			number, maxConnectionsBound)
		return 1
	}
	return int(number)
}

// maxConnectionsPerClient checks `max_connections_per_client`, a part of max_connections (S-12.6). It returns 0 without the
// key.
func (v *validator) maxConnectionsPerClient(value *int64, maxConnections int) int {
	if value == nil {
		return 0
	}
	if *value < 1 || *value > int64(maxConnections) {
		v.addFault("max_connections_per_client", "%d is out of range; write a number of connections from 1 to max_connections (%d)",
			*value, maxConnections)
	}
	return int(*value)
}

// ConnectionShare returns how many of max_connections one client may hold while others wait (S-12.6).
func (c *Config) ConnectionShare() int {
	if c.MaxConnectionsPerClient > 0 {
		return c.MaxConnectionsPerClient
	}
	return max(1, c.MaxConnections/4)
}

// descriptorsNeeded returns the number of file descriptors that cfg can make the process use: each client connection
// may have one upstream connection, each listener has two ports on each of its addresses, checks of upstreams have some, and
// some are kept spare (S-2.22).
func descriptorsNeeded(cfg *Config) int {
	sockets := 0
	for _, listener := range cfg.Listeners {
		sockets += 2 * max(1, len(listener.BindAddrs))
	}
	return 2*cfg.MaxConnections + sockets + spareDescriptors + checkDescriptors(cfg)
}

// ChecksAtOnce is how many upstreams are checked at the same time at most; each needs a descriptor.
const ChecksAtOnce = 32

// checkDescriptors returns how many descriptors the checks of upstreams need.
func checkDescriptors(cfg *Config) int {
	for _, listener := range cfg.Listeners {
		for _, site := range listener.Sites {
			for _, forward := range site.Forwards("") {
				if forward.Health.Path != "" {
					return ChecksAtOnce
				}
			}
		}
	}
	return 0
}

// descriptors checks that the process may open all the file descriptors that max_connections may require (S-2.22).
func (v *validator) descriptors(cfg *Config) {
	need, limit := uint64(descriptorsNeeded(cfg)), v.env.DescriptorLimit()
	if need <= limit {
		return
	}
	other := need - 2*uint64(cfg.MaxConnections)
	if limit < other+2 {
		v.add("max_connections", "%d needs %d file descriptors, but the process may open %d; "+
			"raise the limit (LimitNOFILE= of the unit, ulimit -n) to %d", cfg.MaxConnections, need, limit, need)
		return
	}
	v.add("max_connections", "%d needs %d file descriptors, but the process may open %d; "+
		"write at most %d, or raise the limit (LimitNOFILE= of the unit, ulimit -n) to %d",
		cfg.MaxConnections, need, limit, (limit-other)/2, need)
}
