package steps

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cucumber/godog"
)

func (w *World) answerSteps() []step {
	return []step{
		{`the answer is {int}`, w.answerIs, "The whole answer to the last request, with its body, and no error."},
		{`the answer is {int} {string}`, w.answerIsWith, "The status and the exact body."},
		{`the answer is the plain error {int} {string}`, w.plainError, "The status, Content-Type `text/plain; charset=utf-8`, the text as the whole body, and nothing that reveals the version, the upstream or the cause: no Server, Via or X- field."},
		{`the answer has the body {string}`, w.answerBody, ""},
		{`the answer's body contains {string}`, w.answerContains, ""},
		{`the answer has an empty body`, func() error { return w.answerBody("") }, ""},
		{`the answer has a body of {int} bytes`, w.answerSize, ""},
		{`the answer has at most {int} bytes`, w.answerAtMost, "Of its body, whether or not it is whole."},
		{`the answer has the field {string} with {string}`, w.answerField, "Exactly one of that name, with that value."},
		{`the answer has the field {string} that matches {string}`, w.answerFieldMatches, "Exactly one of that name; a regular expression."},
		{`the answer has the field {string} with a number from {int} to {int}`, w.answerFieldBetween, "Exactly one of that name."},
		{`the answer has the field {string} with a new request ID, remembered as {string}`, w.answerRequestID, "Exactly one of that name: a UUIDv7 of a moment within the last minute, in the text form of RFC 9562, that no earlier sentence has remembered."},
		{`the answer has the fields {string} with {string}`, w.answerFields, "Several of one name: values separated by `|`."},
		{`the answer has a field {string}`, w.answerHasField, ""},
		{`the answer has no field {string}`, w.answerNoField, ""},
		{`the answer has the trailer {string} with {string}`, w.answerTrailer, ""},
		{`the answer has no trailer {string}`, w.answerNoTrailer, ""},
		{`the answer has a current Date`, w.answerDated, "Exactly one, of a moment between the request and the answer."},
		{`the answer was preceded by {string}`, w.answerHint, "A field of a 1xx answer before it: `103 Link: </a.css>`."},
		{`the answer was preceded only by {string}`, w.answerOnlyHint, "All fields of all 1xx answers before it."},
		{`the answer came over {string}`, w.answerProto, "`HTTP/1.1` or `HTTP/2.0`."},
		{`the answer came over the connection of the one before`, w.answerKept, "The client has opened no other one for it."},
		{`the answer came within {int} ms`, w.answerWithin, "From the request's start to the answer's end."},
		{`the answer came after {int} ms`, w.answerAfter, "At the earliest."},
		{`the answer's JSON has:`, w.answerJSON, "A table of paths and values: `headers.X-Real-Ip[0]`, `target`. For the sample upstream's echo."},
		{`the answer is {int} and cut short`, w.answerCut, "The head came and the body ended with an error."},
		{`the answer is {int} and cut short after {string}`, w.answerCutAfter, "The same, with the part of the body that arrived."},
	}
}

// answer returns the last exchange after it has ended, so that its fields no longer change.
func (w *World) answer() (*exchange, error) {
	if w.exchange == nil {
		return nil, errors.New("no request was made yet")
	}
	if err := w.exchange.wait(); err != nil {
		return nil, err
	}
	if w.exchange.headErr != nil {
		return nil, fmt.Errorf("the request has failed: %w", w.exchange.headErr)
	}
	return w.exchange, nil
}

func (w *World) answerIs(status int) error {
	x, err := w.answer()
	if err != nil {
		return err
	}
	return x.expect(status)
}

func (w *World) answerIsWith(status int, body string) error {
	return errors.Join(w.answerIs(status), w.answerBody(body))
}

func (w *World) plainError(status int, text string) error {
	if err := w.answerIsWith(status, text); err != nil {
		return err
	}
	for name := range w.exchange.header {
		if slices.Contains([]string{"Server", "Via"}, name) || strings.HasPrefix(name, "X-") {
			return fmt.Errorf("got the field %s, want none that tells more", name)
		}
	}
	return w.answerField("Content-Type", "text/plain; charset=utf-8")
}

func (w *World) answerBody(text string) error {
	want, err := unescape(text)
	if err != nil {
		return err
	}
	x, err := w.answer()
	if err != nil {
		return err
	}
	if string(x.body) != want {
		return fmt.Errorf("got the body %q, want %q", clip(string(x.body)), clip(want))
	}
	return nil
}

func (w *World) answerContains(text string) error {
	x, err := w.answer()
	if err != nil {
		return err
	}
	return contains(string(x.body), text)
}

func (w *World) answerSize(want int) error {
	x, err := w.answer()
	if err != nil {
		return err
	}
	if x.size != int64(want) || x.err != nil {
		return fmt.Errorf("got %d bytes (SHA-256 %s, error %v), want %d", x.size, hex.EncodeToString(x.sum.Sum(nil)), x.err, want)
	}
	return nil
}

func (w *World) answerAtMost(most int) error {
	x, err := w.answer()
	if err != nil {
		return err
	}
	if x.size > int64(most) {
		return fmt.Errorf("got %d bytes, want at most %d", x.size, most)
	}
	return nil
}

func (w *World) answerField(name, want string) error { return w.answerFields(name, want) }

func (w *World) answerFields(name, want string) error {
	x, err := w.answer()
	if err != nil {
		return err
	}
	if got := strings.Join(x.header.Values(name), "|"); got != want || len(x.header.Values(name)) == 0 {
		return fmt.Errorf("got %s: %q, want %q", name, x.header.Values(name), want)
	}
	return nil
}

// requestIDForm matches a UUIDv7, with its time in milliseconds in the first two groups.
var requestIDForm = regexp.MustCompile(`^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func (w *World) answerRequestID(name, as string) error {
	x, err := w.answer()
	if err != nil {
		return err
	}
	values := x.header.Values(name)
	if len(values) != 1 {
		return fmt.Errorf("got %s: %q, want one line", name, values)
	}
	parts := requestIDForm.FindStringSubmatch(values[0])
	if parts == nil {
		return fmt.Errorf("got %s: %q, want a UUIDv7", name, values[0])
	}
	ms, err := strconv.ParseInt(parts[1]+parts[2], 16, 64)
	if age := time.Since(time.UnixMilli(ms)); err != nil || age < -time.Second || age > time.Minute {
		return fmt.Errorf("got %s: %q, whose time is %v ago, %w", name, values[0], age, err)
	}
	for _, earlier := range w.remembered {
		if earlier == values[0] {
			return fmt.Errorf("got %s: %q again, want another one", name, values[0])
		}
	}
	w.remembered[as] = values[0]
	return nil
}

func (w *World) answerFieldMatches(name, expression string) error {
	x, err := w.answer()
	if err != nil {
		return err
	}
	values := x.header.Values(name)
	matches, err := regexp.MatchString(expression, strings.Join(values, "\n"))
	if err == nil && (len(values) != 1 || !matches) {
		err = fmt.Errorf("got the field %s with %q, want one that matches %s", name, values, expression)
	}
	return err
}

func (w *World) answerFieldBetween(name string, from, to int) error {
	x, err := w.answer()
	if err != nil {
		return err
	}
	values := x.header.Values(name)
	if len(values) != 1 {
		return fmt.Errorf("got the values %q of %s, want one", values, name)
	}
	if got, err := strconv.Atoi(values[0]); err != nil || got < from || got > to {
		return fmt.Errorf("got %s: %s, want a number from %d to %d", name, values[0], from, to)
	}
	return nil
}

func (w *World) answerHasField(name string) error {
	x, err := w.answer()
	if err != nil {
		return err
	}
	if len(x.header.Values(name)) == 0 {
		return fmt.Errorf("got the fields %v, want one %s", x.header, name)
	}
	return nil
}

func (w *World) answerNoField(name string) error {
	x, err := w.answer()
	if err != nil {
		return err
	}
	if got := x.header.Values(name); len(got) > 0 {
		return fmt.Errorf("got %s: %q, want no such field", name, got)
	}
	return nil
}

func (w *World) answerTrailer(name, want string) error {
	x, err := w.answer()
	if err != nil {
		return err
	}
	if got := x.trailer.Get(name); got != want {
		return fmt.Errorf("got the trailers %v, want %s: %s", x.trailer, name, want)
	}
	return nil
}

func (w *World) answerNoTrailer(name string) error {
	x, err := w.answer()
	if err != nil {
		return err
	}
	if got := x.trailer.Values(name); len(got) > 0 {
		return fmt.Errorf("got the trailer %s: %q, want none", name, got)
	}
	return nil
}

func (w *World) answerDated() error {
	x, err := w.answer()
	if err != nil {
		return err
	}
	values := x.header.Values("Date")
	if len(values) != 1 {
		return fmt.Errorf("got the values %q of Date, want one", values)
	}
	date, err := time.Parse(http.TimeFormat, values[0])
	if err != nil {
		return err
	}
	// A Date has a resolution of one second.
	if date.Before(x.started.Add(-2*time.Second)) || date.After(x.ended.Add(time.Second)) {
		return fmt.Errorf("got the Date %s, want one from %v to %v", values[0], x.started, x.ended)
	}
	return nil
}

func (w *World) answerOnlyHint(want string) error {
	x, err := w.answer()
	if err != nil {
		return err
	}
	if !slices.Equal(x.hints, []string{want}) {
		return fmt.Errorf("got %q before the answer, want %q only", x.hints, want)
	}
	return nil
}

func (w *World) answerHint(want string) error {
	x, err := w.answer()
	if err != nil {
		return err
	}
	if !slices.Contains(x.hints, want) {
		return fmt.Errorf("got %q before the answer, want %q", x.hints, want)
	}
	return nil
}

func (w *World) answerProto(want string) error {
	x, err := w.answer()
	if err != nil {
		return err
	}
	if x.proto != want {
		return fmt.Errorf("got %s, want %s", x.proto, want)
	}
	return nil
}

func (w *World) answerKept() error {
	x, err := w.answer()
	if err != nil {
		return err
	}
	if !x.kept {
		return errors.New("the request went over a connection of its own, want the one of the request before")
	}
	return nil
}

func (w *World) answerWithin(ms int) error {
	x, err := w.answer()
	if err != nil {
		return err
	}
	if got := x.ended.Sub(x.started); got > w.allowed(time.Duration(ms)*time.Millisecond, x.started, x.ended) {
		return fmt.Errorf("got the answer after %v, want it within %d ms", got, ms)
	}
	return nil
}

func (w *World) answerAfter(ms int) error {
	x, err := w.answer()
	if err != nil {
		return err
	}
	if got := x.ended.Sub(x.started); got < time.Duration(ms)*time.Millisecond {
		return fmt.Errorf("got the answer after %v, want it not before %d ms", got, ms)
	}
	return nil
}

func (w *World) answerJSON(table *godog.Table) error {
	x, err := w.answer()
	if err != nil {
		return err
	}
	return checkJSON(x.body, table)
}

func (w *World) answerCut(status int) error {
	x, err := w.answer()
	if err != nil {
		return err
	}
	if x.status != status || x.err == nil {
		return fmt.Errorf("got %d %q with the error %v, want %d and an error", x.status, clip(string(x.body)), x.err, status)
	}
	return nil
}

func (w *World) answerCutAfter(status int, text string) error {
	return errors.Join(w.answerCut(status), w.answerBody(text))
}

// checkJSON compares values of a JSON text, found by their paths, with the table's second column: `*` matches anything
// but null, an empty text, false or 0; a leading `~` matches any value that contains the text.
func checkJSON(text []byte, table *godog.Table) error {
	var root any
	if err := json.Unmarshal(text, &root); err != nil {
		return fmt.Errorf("got %q, want JSON: %w", clip(string(text)), err)
	}
	rows, err := pairs(table)
	if err != nil {
		return err
	}
	for _, row := range rows {
		got, err := jsonAt(root, row[0])
		if err != nil {
			return fmt.Errorf("%w in %s", err, text)
		}
		part, isPart := strings.CutPrefix(row[1], "~")
		switch {
		case row[1] == "*" && !slices.Contains([]string{"", "null", "false", "0", "[]", "{}"}, got):
		case isPart && strings.Contains(got, part):
		case got == row[1]:
		default:
			return fmt.Errorf("%s: got %q, want %q, in %s", row[0], clip(got), row[1], text)
		}
	}
	return nil
}

// jsonAt finds the value at a path such as `errors[0].key`; a final `#` is an array's length. It returns a text
// unchanged, and anything else as JSON.
func jsonAt(root any, path string) (string, error) {
	value := root
	for part := range strings.SplitSeq(path, ".") {
		match := pathPart.FindStringSubmatch(strings.TrimSuffix(part, "#"))
		if match == nil {
			return "", fmt.Errorf("%q is not a path", path)
		}
		object, _ := value.(map[string]any)
		next, ok := object[match[1]]
		if !ok {
			return "", fmt.Errorf("there is no %s", path)
		}
		value = next
		if match[2] != "" {
			list, _ := value.([]any)
			var index int
			_, _ = fmt.Sscan(match[2], &index)
			if index >= len(list) {
				return "", fmt.Errorf("there is no %s", path)
			}
			value = list[index]
		}
		if strings.HasSuffix(part, "#") {
			list, _ := value.([]any)
			return fmt.Sprint(len(list)), nil
		}
	}
	if text, ok := value.(string); ok {
		return text, nil
	}
	text, err := json.Marshal(value)
	return string(text), err
}
