package acmecert

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/mholt/acmez/v3/acme"

	"reverse-proxy/proxy/certstore"
	"reverse-proxy/proxy/clock"
	"reverse-proxy/proxy/wording"
)

const (
	// unfinishedPrefix begins the keys of the cache for unfinished orders. A host name has no plus sign, so no
	// certificate has such a key.
	unfinishedPrefix = "acme_order+"
	// unfinishedLife is how long an unfinished order is remembered.
	unfinishedLife = 24 * time.Hour
	// unfinishedPatience is the age up to which an unfinished order is tried again if the CA does not answer about it.
	unfinishedPatience = time.Hour
	// processingPatience bounds the wait for the certificate of an order that was finalized before.
	processingPatience = 30 * time.Second
)

// unfinished is an order that is about to be finalized, with the private key of its certificate. It is written before
// the CA is asked to issue, and removed after the certificate was written, so that a certificate is not lost with the
// process that has ordered it (S-5.11).
type unfinished struct {
	// Directory, Profile, Account and Domain say what was ordered, and from whom. Account is a URL, and so is Order.
	Directory string `json:"directory"`
	Profile   string `json:"profile,omitempty"`
	Account   string `json:"account"`
	Domain    string `json:"domain"`
	Order     string `json:"order"`
	// Key is the private key in PEM, and Made when the order was made.
	Key  []byte    `json:"key"`
	Made time.Time `json:"made"`
}

// unusableError says why an unfinished order, or its certificate, cannot be used.
type unusableError struct{ error }

// remember writes an order that is about to be finalized to the cache, and to the store if there is a lease. It
// ignores errors: the certificate, which is written next, meets and reports the same ones.
func (a *attempt) remember(ctx context.Context, m *Manager, order acme.Order, key *ecdsa.PrivateKey) {
	encoded, err := encodeKey(key)
	if err != nil {
		return
	}
	data, err := json.Marshal(unfinished{m.cfg.Directory, a.profile, a.session.account.Location, a.domain.name, order.Location,
		encoded, time.Now().UTC().Round(0)})
	if err != nil {
		return
	}
	_ = m.cache.Put(ctx, unfinishedPrefix+cacheKey(a.domain.name), data)
	if a.lease != nil {
		_ = a.lease.PutExpiring(ctx, m.shared.nameOf(orderKind, a.domain.name), data, unfinishedLife)
	}
}

// forgetUnfinished removes the unfinished order of a name from the cache. One that cannot be removed is soon too old.
func (m *Manager) forgetUnfinished(ctx context.Context, d *domain) {
	_ = m.cache.Delete(ctx, unfinishedPrefix+cacheKey(d.name))
}

// forgetShared removes the unfinished order of a name from the store, where it expires anyway.
func (m *Manager) forgetShared(ctx context.Context, lease *certstore.Lease, d *domain) {
	if lease != nil {
		_ = lease.Delete(ctx, m.shared.nameOf(orderKind, d.name))
	}
}

// resume finishes an order of the name that another process or machine, or an earlier attempt, has left. It returns nil
// and no error if there is no usable one and the caller has to make a new order. It returns an error if the CA does not
// answer. An order that is older than unfinishedPatience is forgotten before it is tried, so that one that
// always fails does not keep the name from its certificate for long.
func (a *attempt) resume(ctx context.Context, m *Manager) (*tls.Certificate, error) {
	forget := func() {
		m.forgetUnfinished(ctx, a.domain)
		m.forgetShared(ctx, a.lease, a.domain)
	}
	for _, u := range m.unfinishedOrders(ctx, a) {
		if time.Since(u.Made) > unfinishedPatience {
			forget()
		}
		a.at = stageIssue
		certificate, err := a.finish(ctx, u)
		switch {
		case err == nil:
			return certificate, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case isOutage(ctx, err):
			return nil, err
		}
		m.warn(a.domain, fmt.Sprintf("the unfinished order %s cannot be used: %s; the certificate is ordered again", u.Order,
			clipText(err.Error(), maxTextBytes)))
		reportOf(ctx).forget()
		forget()
	}
	return nil, nil
}

// unfinishedOrders returns the unfinished orders of the attempt's name, that of the store before that of the cache. It
// leaves out those that do not fit the attempt.
func (m *Manager) unfinishedOrders(ctx context.Context, a *attempt) (found []unfinished) {
	var values [][]byte
	if a.lease != nil {
		name := m.shared.nameOf(orderKind, a.domain.name)
		data, err := a.lease.Get(ctx, name)
		if err != nil {
			m.logUnreadable(name, err)
		}
		values = append(values, data)
	}
	data, _ := m.cache.Get(ctx, unfinishedPrefix+cacheKey(a.domain.name)) // one that cannot be read is not used
	for _, data := range append(values, data) {
		var u unfinished
		if json.Unmarshal(data, &u) == nil && u.Directory == m.cfg.Directory && u.Profile == a.profile && u.Domain == a.domain.name &&
			u.Account == a.session.account.Location && u.Order != "" && time.Since(u.Made).Abs() < unfinishedLife &&
			(len(found) == 0 || found[0].Order != u.Order) {
			found = append(found, u)
		}
	}
	return found
}

// finish brings an unfinished order to its certificate. Of an order that ended long ago the CA may have the certificate
// that is in use already, or an older one; that is an error.
func (a *attempt) finish(ctx context.Context, u unfinished) (*tls.Certificate, error) {
	key, err := parseKey(u.Key)
	if err != nil {
		return nil, unusableError{err}
	}
	client, account := a.session.client, a.session.account
	order, err := client.GetOrder(ctx, account, acme.Order{Location: u.Order})
	for began := time.Now(); err == nil && order.Status == acme.StatusProcessing && time.Since(began) < processingPatience; {
		if !clock.Sleep(ctx, pollInterval) {
			return nil, context.Cause(ctx)
		}
		order, err = client.GetOrder(ctx, account, order)
	}
	if err != nil {
		return nil, err
	}
	switch {
	case order.Status == acme.StatusReady && order.Finalize != "":
		if order, err = a.finalize(ctx, order, key); err != nil {
			return nil, err
		}
	case order.Status != acme.StatusValid:
		return nil, unusableError{fmt.Errorf("its status is %s", wording.Quoted(order.Status))}
	}
	if order.Certificate == "" {
		return nil, unusableError{errors.New("it names no certificate")}
	}
	certificate, err := a.download(ctx, order, key)
	if err == nil && !a.domain.wants(certificate) {
		err = unusableError{errors.New("its certificate is the one in use, or older")}
	}
	return certificate, err
}

// isOutage reports whether a request about an unfinished order failed because the CA did not answer, or is out of order
// or too busy, so that the order may still be finished.
func isOutage(ctx context.Context, err error) bool {
	if _, unusable := errors.AsType[unusableError](err); unusable {
		return false
	}
	if _, unanswered := errors.AsType[*url.Error](err); unanswered {
		return true
	}
	status := reportOf(ctx).latestStatus()
	return status >= http.StatusInternalServerError || status == http.StatusTooManyRequests
}
