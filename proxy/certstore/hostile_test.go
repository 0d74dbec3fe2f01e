package certstore

import (
	"errors"
	"io"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"reverse-proxy/conformance/redistest"
	"reverse-proxy/proxy/waittest"
)

// replies are what a server may send in place of an answer, with the resulting errors.
func replies() map[string]struct{ reply, says string } {
	type c = struct{ reply, says string }
	errorOf := func(text string) string { return "-" + text + "\r\n" }
	return map[string]c{
		"another protocol is refused":              {"HTTP/1.1 400 Bad Request\r\n\r\n", `does not answer as Redis does: a reply that begins with 'H'`},
		"bytes at random are refused":              {"\x00\xff\x1b[2J\n", "a reply that begins with '\\x00'"},
		"a string of 2 GB is refused":              {"$2147483648\r\n", "a string of 2147483648 bytes"},
		"a string of 100 MB is refused":            {"$104857600\r\n" + strings.Repeat("x", 1<<20), "a string of 104857600 bytes"},
		"a length beyond all numbers is refused":   {"$" + strings.Repeat("9", 40) + "\r\n", "where a number should be"},
		"a length that is not a number is refused": {"$1e9\r\n", `1e9 where a number should be`},
		"a negative length is refused":             {"*-7\r\n", "the text -7 where a number should be"},
		"an array of 2 G is refused":               {"*2147483647\r\n", "an array of 2147483647 elements"},
		"nested arrays are refused":                {strings.Repeat("*1\r\n", 10_000), "arrays in arrays"},
		"an array without an end is refused":       {"*4096\r\n" + strings.Repeat("*4096\r\n"+strings.Repeat("$0\r\n\r\n", 4096), 100), "a reply of more than"},
		"a line without an end is refused":         {"+" + strings.Repeat("x", 1<<20), "a line of more than"},
		"a string without its end is refused":      {"$3\r\nabcdef", "does not end with CR LF"},
		"a line without CR is refused":             {"+OK\n", "does not end with CR LF"},
		"half a reply is not waited for":           {"$100\r\nhalf", "no answer within 3s"},
		"an answer of another type is refused":     {"*1\r\n*1\r\n:1\r\n", "does not answer as Redis does: unexpected type"},
		"READONLY is passed on":                    {errorOf("READONLY You can't write against a read only replica."), "READONLY"},
		"NOAUTH asks for the password":             {errorOf("NOAUTH Authentication required."), "NOAUTH Authentication required.; write its password into store_password_file"},
		"WRONGPASS asks for the password":          {errorOf("WRONGPASS invalid username-password pair"), "; correct the password"},
		"LOADING is passed on":                     {errorOf("LOADING Redis is loading the dataset in memory"), "LOADING Redis"},
		"OOM asks for more memory":                 {errorOf("OOM command not allowed when used memory > 'maxmemory'."), "; raise its maxmemory"},
		"MOVED tells of a cluster":                 {errorOf("MOVED 3999 127.0.0.1:6381"), "; Redis Cluster is not supported"},
		"CLUSTERDOWN tells of a cluster":           {errorOf("CLUSTERDOWN Hash slot not served"), "; Redis Cluster is not supported"},
		"an error that is too long is clipped":     {errorOf("ERR " + strings.Repeat("x", 3000)), "ERR xxx"},
		"an error with escapes is made printable":  {errorOf("ERR \x1b[2J"), `ERR \u001b[2J`},
	}
}

// TestAServerThatSendsAnything covers a server that is broken, or is not Redis.
func TestAServerThatSendsAnything(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	for what, c := range replies() {
		t.Run(what, func(t *testing.T) {
			t.Parallel() // most wait
			relay := redistest.RelayForTest(t, server)
			send := func(_ string, _ []string, w io.Writer) bool { io.WriteString(w, c.reply); return true }
			relay.Set(send)
			s, _ := runStore(t, server, func(o *Options) { o.Address = relay.Address })
			awaitAway(t, s, c.says)
			if said := s.State().Err.Error(); len(said) > 500 || strings.ContainsAny(said, "\r\n\x1b") {
				t.Errorf("got %q, want a short text that is safe to show", said)
			}
			relay.Set(nil)
			awaitUp(t, s)
			name := "n of " + what
			if err := s.Put(t.Context(), name, []byte("good")); err != nil {
				t.Fatal(err)
			}
			relay.Set(func(command string, args []string, w io.Writer) bool {
				return command == "GETRANGE" && args[0] == valueKey(name) && send(command, args, w)
			})
			if got, err := s.Get(t.Context(), name); !errors.Is(err, ErrAway) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("reading a value: got %q, %v, want that the store is away", got, err)
			}
			relay.Set(nil)
			awaitUp(t, s)
			if got, err := s.Get(t.Context(), name); err != nil || string(got) != "good" {
				t.Errorf("got %q, %v afterwards, want the value", got, err)
			}
		})
	}
}

// TestRepliesCostBoundedMemory has the client package read each reply.
func TestRepliesCostBoundedMemory(t *testing.T) {
	for what, c := range replies() {
		if what == "half a reply is not waited for" {
			continue // the client would wait for the rest
		}
		t.Run(what, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _ = receive([]byte(c.reply))
			runtime.ReadMemStats(&after)
			if got := after.TotalAlloc - before.TotalAlloc; got > 16*maxReplyBytes {
				t.Errorf("got %d bytes allocated for a reply of %d, want at most %d", got, len(c.reply), 16*maxReplyBytes)
			}
		})
	}
}

// TestAServerThatAlwaysHasChanges covers a server that answers each request for changes immediately.
func TestAServerThatAlwaysHasChanges(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	relay := redistest.RelayForTest(t, server)
	const round = 300 * time.Millisecond
	s, seen := runStore(t, server, func(o *Options) { o.Address, o.leastRound = relay.Address, round })
	awaitUp(t, s)
	id := time.Now().UnixMilli()
	relay.Set(func(command string, _ []string, w io.Writer) bool {
		if command != "XREAD" {
			return false
		}
		id++
		number := strconv.FormatInt(id, 10) + "-0"
		io.WriteString(w, "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$"+strconv.Itoa(len(number))+"\r\n"+number+"\r\n*2\r\n$4\r\nname\r\n$1\r\nn\r\n")
		return true
	})
	began := time.Now()
	waittest.For(t, "five changes", func() bool { return len(seen.names()) >= 5 })
	if took := time.Since(began); took < 4*round {
		t.Errorf("five lists of changes took %v, want at least %v each", took, round)
	}
	relay.Set(func(command string, _ []string, w io.Writer) bool {
		if command == "XREAD" { // the same changes again, without an end
			io.WriteString(w, "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$4\r\nname\r\n$1\r\nn\r\n")
			return true
		}
		return false
	})
	awaitAway(t, s, "a list of changes that cannot be read")
}

// TestAStoreThatForgetsAtOnce covers a server that accepts every write and keeps nothing.
func TestAStoreThatForgetsAtOnce(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	relay := redistest.RelayForTest(t, server)
	relay.Set(func(command string, _ []string, w io.Writer) bool {
		if command == "GET" {
			io.WriteString(w, "$-1\r\n")
		}
		return command == "GET"
	})
	s, _ := runStore(t, server, func(o *Options) { o.Address = relay.Address })
	awaitAway(t, s, "nothing at reverse-proxy:epoch, which was just written")
}
