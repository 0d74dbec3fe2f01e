package steps

import (
	"errors"
	"fmt"
)

func (w *World) rateLimitSteps() []step {
	return []step{
		{`the client {string} requests {string} until the answer is {int}`, w.getUntil,
			"Again and again, for what takes time to happen. That answer is then the current one, and `${remembered:tries}` how many others came before it."},
		{`a client requests {string} until the answer has the body {string}`, w.getUntilBody,
			"Again and again. That answer is then the current one, and all of them are 200."},
		{`the first {int} of the answers are 200 and the others {int}`, w.firstThen,
			"Of the last repeated request, in its order."},
		{`the admin socket reports {int} rate-limited clients`, w.rateLimitedClients, "Waits for it."},
	}
}

func (w *World) getUntil(client, url string, status int) error {
	tries := 0
	err := w.eventually(func() error {
		if err := w.exchangeNow(request{url: url, client: client}); err != nil {
			return err
		}
		tries++
		return w.exchange.expect(status)
	})
	w.remembered["tries"] = fmt.Sprint(tries - 1)
	return err
}

func (w *World) getUntilBody(url, body string) error {
	return w.eventually(func() error {
		if err := w.get(url); err != nil {
			return err
		}
		if err := w.exchange.expect(200); err != nil {
			return err
		}
		return w.answerBody(body)
	})
}

func (w *World) firstThen(first, status int) error {
	if len(w.batch) <= first {
		return fmt.Errorf("there were %d requests, want more than %d", len(w.batch), first)
	}
	var wrong []error
	for i, x := range w.batch {
		want := 200
		if i >= first {
			want = status
		}
		if err := x.expect(want); err != nil {
			wrong = append(wrong, fmt.Errorf("request %d: %w", i+1, err))
		}
	}
	return errors.Join(wrong...)
}

func (w *World) rateLimitedClients(want int) error {
	return w.eventually(func() error {
		if err := w.askAdmin("status\n", false); err != nil {
			return err
		}
		line, err := w.adminLine()
		if err != nil {
			return err
		}
		return contains(line, fmt.Sprintf(`"rate_limited_clients":%d,`, want))
	})
}
