package steps

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/cucumber/godog"
)

func (w *World) configSteps() []step {
	return []step{
		{`the site {string} is served from the upstream {string}`, w.addSite,
			"Adds the site to the last listener of the configuration, and starts a plain upstream of that name if there is none."},
		{`the site {string} is served from the upstream {string} by listener {int}`, w.addSiteTo, ""},
		{`the site {string} is moved to the upstream {string}`, w.moveSite, "Changes the site's upstream, for the next reload."},
		{`the site {string} is removed`, w.removeSite, ""},
		{`the site {string} has {int} routes to the upstream {string}`, w.addRoutes, "With the paths `/route-0`, `/route-1` and so on."},
		{`another listener`, w.addListener,
			"Every scenario begins with one: an address and ports of its own, and in manual mode the certificate \"listener1\" for example.test and *.example.test. The second has \"listener2\" and so on."},
		{`the setting {string} is {rest}`, w.set,
			"Any key by its path, `listeners[0].sites[1].host`, with the value as in TOML: `5`, `\"text\"`, `[\"a\"]`, `{ path = \"/a\" }`. Missing tables are created. `left out` removes a key, a table or an entry (`listeners[1]`)."},
		{`the settings:`, w.setAll, "A table of paths and TOML values, or `left out`."},
		{`listener {int} makes its own certificate`, w.selfSigned, "Sets mode self_signed. Clients must not verify it then."},
		{`listener {int} has the certificate {string}`, w.useCertificate, ""},
		{`listener {int} also has the certificate {string}`, w.alsoCertificate, ""},
		{`listener {int} orders a certificate for {string} from the CA at {string}`, w.useACME, "Mode acme, with the cache `${dir}/acme` and the suite's CA as the root to trust for the server; the names separated by commas."},
		{`the configuration file is:`, w.setRaw, "The whole file, in place of the settings."},
		{`the configuration file is {string}`, w.setRawText, "The same in one line; `\\n`, `\\x00` and so on are those bytes."},
		{`the configuration file ends with:`, w.setTail, "Lines that follow whatever else the file holds."},
	}
}

func (w *World) addSite(host, upstream string) error {
	return w.addSiteTo(host, upstream, len(tables(w.config.root, "listeners")))
}

func (w *World) addSiteTo(host, upstream string, listener int) error {
	if _, ok := w.upstreams[upstream]; !ok && !w.reserved(upstream) {
		if err := w.startUpstream(upstream, nil, plain(200, upstream)); err != nil {
			return err
		}
	}
	address, err := w.upstreamAddress(upstream)
	if err != nil {
		return err
	}
	list := tables(w.config.root, "listeners")
	if listener < 1 || listener > len(list) {
		return fmt.Errorf("there is no listener %d", listener)
	}
	table := list[listener-1]
	site := map[string]any{"host": host, "upstream": address}
	table["sites"] = append(tables(table, "sites"), site)
	return nil
}

// reserved reports whether a step has declared the upstream absent.
func (w *World) reserved(upstream string) bool { return w.remembered["absent:"+upstream] != "" }

// site finds a site's listener and its index there.
func (w *World) site(host string) (listener map[string]any, index int, err error) {
	for _, listener := range tables(w.config.root, "listeners") {
		for i, site := range tables(listener, "sites") {
			if site["host"] == host {
				return listener, i, nil
			}
		}
	}
	return nil, 0, fmt.Errorf("the configuration has no site %q", host)
}

func (w *World) moveSite(host, upstream string) error {
	listener, i, err := w.site(host)
	if err != nil {
		return err
	}
	if _, ok := w.upstreams[upstream]; !ok && !w.reserved(upstream) {
		if err := w.startUpstream(upstream, nil, plain(200, upstream)); err != nil {
			return err
		}
	}
	tables(listener, "sites")[i]["upstream"], err = w.upstreamAddress(upstream)
	return err
}

func (w *World) removeSite(host string) error {
	listener, i, err := w.site(host)
	if err != nil {
		return err
	}
	sites := tables(listener, "sites")
	listener["sites"] = append(sites[:i:i], sites[i+1:]...)
	return nil
}

func (w *World) addRoutes(host string, count int, upstream string) error {
	listener, index, err := w.site(host)
	if err != nil {
		return err
	}
	address, err := w.upstreamAddress(upstream)
	if err != nil {
		return err
	}
	routes := make([]map[string]any, count)
	for i := range routes {
		routes[i] = map[string]any{"path": fmt.Sprintf("/route-%d", i), "upstream": address}
	}
	tables(listener, "sites")[index]["routes"] = routes
	return nil
}

func (w *World) set(path, value string) error {
	if value == "left out" {
		return w.config.remove(path)
	}
	return w.config.setTOML(path, value)
}

func (w *World) setAll(settings *godog.Table) error {
	for _, row := range settings.Rows {
		if err := w.set(row.Cells[0].Value, row.Cells[1].Value); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) tlsTable(listener int) string { return fmt.Sprintf("listeners[%d].tls", listener-1) }

func (w *World) selfSigned(listener int) error {
	return w.config.set(w.tlsTable(listener), map[string]any{"mode": "self_signed"})
}

func (w *World) useCertificate(listener int, name string) error {
	return w.config.set(w.tlsTable(listener), map[string]any{
		"mode": "manual", "cert_path": w.certPath(name), "key_path": w.keyPath(name),
	})
}

func (w *World) alsoCertificate(listener int, name string) error {
	table := tables(w.config.root, "listeners")[listener-1]["tls"].(map[string]any)
	next := fmt.Sprintf("%s.certificates[%d].", w.tlsTable(listener), len(tables(table, "certificates")))
	if err := w.config.set(next+"cert_path", w.certPath(name)); err != nil {
		return err
	}
	return w.config.set(next+"key_path", w.keyPath(name))
}

func (w *World) useACME(listener int, list, directory string) error {
	return w.config.set(w.tlsTable(listener), map[string]any{
		"mode": "acme", "acme_domains": names(list), "acme_contact": "mailto:ops@example.test",
		"acme_cache_dir": filepath.Join(w.dir, "acme"), "acme_directory": directory, "acme_ca_path": filepath.Join(w.dir, "ca.pem"),
	})
}

func (w *World) setRaw(text *godog.DocString) error {
	content := text.Content + "\n"
	w.config.raw = &content
	return nil
}

func (w *World) setRawText(text string) error {
	content, err := unescape(text)
	w.config.raw = &content
	return err
}

func (w *World) setTail(text *godog.DocString) error {
	w.config.tail = strings.TrimSuffix(text.Content, "\n") + "\n"
	return nil
}
