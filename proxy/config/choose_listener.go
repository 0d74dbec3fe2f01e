package config

import (
	"fmt"
	"slices"
	"strings"

	"reverse-proxy/proxy/wording"
)

// ListenerChoice is one of the listeners among which ChooseListener chooses.
type ListenerChoice struct {
	// Addresses are its addresses, as Listener.Addresses returns them, and Port is its https_port as text.
	Addresses []string
	Port      string
	// Serves reports whether one of its sites has the host of the request.
	Serves bool
}

// ChooseListener returns the index of the listener that gets a request. If wanted is not "", that is the listener
// with this address. Otherwise it is the listener on the URL's port that serves the host, or the first one on that
// port if none serves it. port is "" for a URL without one, which means 443. If no listener has port 443, every
// listener qualifies: the port is probably mapped, as for a container. problem says why no listener can be chosen and
// what to write, or is "".
func ChooseListener(choices []ListenerChoice, port, wanted string) (index int, problem string) {
	if wanted != "" {
		for i, choice := range choices {
			if slices.Contains(choice.Addresses, wanted) {
				return i, ""
			}
		}
		return 0, fmt.Sprintf("no listener has the address %s; write %s", wording.Quoted(wanted), addressesOf(choices))
	}
	fit := withPort(choices, port)
	if len(fit) == 0 {
		return 0, fmt.Sprintf("no listener has the https_port %s; the listeners are %s", port, addressesOf(choices))
	}
	var serving []int
	var names []ListenerChoice
	for _, i := range fit {
		if choices[i].Serves {
			serving, names = append(serving, i), append(names, choices[i])
		}
	}
	switch len(serving) {
	case 0:
		return fit[0], ""
	case 1:
		return serving[0], ""
	}
	return 0, fmt.Sprintf("several listeners serve the host; say which with listener: %s", addressesOf(names))
}

// withPort returns the indexes of the listeners that get requests for the port; it is "" for a URL without one.
func withPort(choices []ListenerChoice, port string) []int {
	var fit, all []int
	for i, choice := range choices {
		all = append(all, i)
		if choice.Port == port || port == "" && choice.Port == "443" {
			fit = append(fit, i)
		}
	}
	if fit == nil && port == "" {
		return all
	}
	return fit
}

// addressesOf lists the first addresses of listeners.
func addressesOf(choices []ListenerChoice) string {
	const most = 8
	var list []string
	for _, choice := range choices[:min(len(choices), most)] {
		list = append(list, wording.Quoted(strings.Join(choice.Addresses[:min(1, len(choice.Addresses))], "")))
	}
	text := strings.Join(list, " or ")
	if more := len(choices) - len(list); more > 0 {
		text += fmt.Sprintf(" or one of %d more", more)
	}
	return text
}
