package steps

import (
	"fmt"
	"strings"

	"github.com/cucumber/godog"
)

func (w *World) spoofSteps() []step {
	return []step{
		{`requests of the client {string} to {string} count as those of {string} with each of these fields:`, w.takenFor, "A table of one column; ` ;; ` separates several field lines. After each request to the URL and a number, the upstream `app` has got the address as X-Real-IP and at the beginning of X-Forwarded-For, and the log has it as client_ip; the answer is 200, which an access list or a limit may decide."},
	}
}

func (w *World) takenFor(client, url, want string, table *godog.Table) error {
	for i, row := range table.Rows {
		spelling := row.Cells[0].Value
		at := fmt.Sprintf("%s%d", url, i)
		if err := w.takenForOnce(client, at, want, strings.Split(spelling, " ;; ")); err != nil {
			return fmt.Errorf("%s: %w", spelling, err)
		}
	}
	// The lines come in batches, so they are looked for after all requests.
	_, path, _ := strings.Cut(strings.TrimPrefix(url, "https://"), "/")
	for i, row := range table.Rows {
		at := fmt.Sprintf("/%s%d", path, i)
		if _, err := w.awaitLine("REQUEST", map[string]string{"path": at, "client_ip": want}, 0); err != nil {
			return fmt.Errorf("%s: %w", row.Cells[0].Value, err)
		}
	}
	return nil
}

// takenForOnce sends one request, and checks what the client and the upstream got.
func (w *World) takenForOnce(client, url, want string, lines []string) error {
	r := request{url: url, client: client}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		r.header = append(r.header, field{name, strings.TrimSpace(value)})
	}
	if err := w.exchangeNow(r); err != nil {
		return err
	}
	if err := w.answerIs(200); err != nil {
		return err
	}
	if err := w.receivedField("app", "X-Real-IP", want); err != nil {
		return err
	}
	received, err := w.lastReceived("app")
	if err != nil {
		return err
	}
	chain := values(received.fields, "X-Forwarded-For")
	if len(chain) != 1 || chain[0] != want && !strings.HasPrefix(chain[0], want+",") {
		return fmt.Errorf("got X-Forwarded-For: %q, want one that begins with %s", chain, want)
	}
	return nil
}
