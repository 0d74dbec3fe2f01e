package config

// upstreamConnections checks `upstream_max_connections`, a part of max_connections (S-12.6). Without the key it is 0.
func (v *validator) upstreamConnections(key string, value *int64) int {
	if value == nil {
		return 0
	}
	if *value < 1 || v.connections > 0 && *value > int64(v.connections) {
		v.addFault(key, "%d is out of range; write a number of connections from 1 to max_connections (%d), or leave the key out",
			*value, v.connections)
		return 0
	}
	return int(*value)
}

// oneBoundEach checks that the sites and routes of one upstream agree on its bound: they share its connections.
func (v *validator) oneBoundEach(listeners []Listener) {
	first := map[UpstreamID]Forward{}
	for i, listener := range listeners {
		for j, site := range listener.Sites {
			for _, forward := range site.Forwards(IndexKey(ChildKey(IndexKey("listeners", i), "sites"), j)) {
				upstream := forward.UpstreamID(forward.Upstream.Address)
				switch before, ok := first[upstream]; {
				case !ok:
					first[upstream] = forward
				case before.MaxConnections != forward.MaxConnections:
					v.add(ChildKey(forward.Key, "upstream_max_connections"),
						"%s has another one for the same upstream; their requests share its connections, so write the same in both", before.Key)
				}
			}
		}
	}
}
