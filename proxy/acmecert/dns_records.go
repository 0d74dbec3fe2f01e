package acmecert

import (
	"context"
	"encoding/json"

	"github.com/mholt/acmez/v3/acme"
)

// recordPrefix begins the cache's keys for records that are in the DNS while a wildcard is ordered.
const recordPrefix = "acme_record+"

// dnsRecord has the parts of a DNS-01 record. It holds no secret.
type dnsRecord struct {
	Name             string `json:"name"`
	KeyAuthorization string `json:"key_authorization"`
}

// rememberRecord stores a record that is about to be added to the DNS, in case the daemon is killed before it removes
// it. If that fails, the record is added all the same. Records of the daemon's own responder are not stored: they end
// with the process.
func (m *Manager) rememberRecord(ctx context.Context, d *domain, challenge acme.Challenge) {
	if m.records != nil {
		return
	}
	if data, err := json.Marshal(dnsRecord{challenge.Identifier.Value, challenge.KeyAuthorization}); err == nil {
		_ = m.cache.Put(ctx, recordPrefix+cacheKey(d.name), data)
	}
}

// forgetRecord forgets a record that was removed from the DNS.
func (m *Manager) forgetRecord(ctx context.Context, d *domain) {
	if m.records == nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockPatience)
		defer cancel()
		_ = m.cache.Delete(ctx, recordPrefix+cacheKey(d.name))
	}
}

// removeRecord removes the record that an earlier process left in the DNS when it was killed. The caller holds the
// lock of the name.
func (m *Manager) removeRecord(ctx context.Context, d *domain) {
	if m.records != nil {
		return
	}
	data, err := m.cache.Get(ctx, recordPrefix+cacheKey(d.name))
	if err != nil {
		return
	}
	var record dnsRecord
	if json.Unmarshal(data, &record) == nil && record.Name != "" {
		err = m.solver.CleanUp(ctx, acme.Challenge{Type: acme.ChallengeTypeDNS01, KeyAuthorization: record.KeyAuthorization,
			Identifier: acme.Identifier{Type: "dns", Value: record.Name}})
	}
	if err != nil {
		m.warn(d, "a record of an earlier challenge cannot be removed: "+clipText(err.Error(), maxTextBytes))
	}
}
