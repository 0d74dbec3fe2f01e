package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/sockettest"
	"reverse-proxy/proxy/waittest"
)

// testServer is a served admin socket, for tests.
type testServer struct {
	path   string
	socket *Socket
	// stop ends the context and returns the log and the error of serve.
	stop func() (string, error)
}

// startServer serves handlers on a new socket until the test ends; adjust changes the socket before that.
func startServer(t *testing.T, handlers Handlers, adjust func(*Socket)) *testServer {
	t.Helper()
	others := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, others) })
	var out bytes.Buffer
	log, err := eventlog.New(eventlog.Options{Level: eventlog.LevelTrace, Format: eventlog.FormatText}, &out)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(sockettest.Dir(t), "admin.sock")
	socket, err := Bind(path)
	if err != nil {
		t.Fatal(err)
	}
	if adjust != nil {
		adjust(socket)
	}
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- socket.Serve(ctx, socket.Listener(), log, func() Handlers { return handlers }) }()
	stop := sync.OnceValues(func() (string, error) {
		cancel()
		err := <-result
		log.Close()
		return out.String(), err
	})
	t.Cleanup(func() { stop() })
	return &testServer{path: path, socket: socket, stop: stop}
}

// dial connects to the server with a deadline that no test should reach.
func (a *testServer) dial(t *testing.T) *net.UnixConn {
	t.Helper()
	conn, err := net.Dial("unix", a.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(waittest.Patience))
	return conn.(*net.UnixConn)
}

// ask sends bytes and returns everything that the server sends until it closes.
func (a *testServer) ask(t *testing.T, input string) string {
	t.Helper()
	conn := a.dial(t)
	if _, err := io.WriteString(conn, input); err != nil {
		t.Fatalf("sending: %v", err)
	}
	reply, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("reading the answer after %q: %v", reply, err)
	}
	return string(reply)
}

// plainHandlers answer all commands immediately.
func plainHandlers() Handlers {
	return Handlers{
		Reload: func(context.Context) ReloadResult { return ReloadResult{Status: "ok", Sites: 2} },
		Status: func() Status { return Status{UptimeSecs: 1234, Sites: 2} },
	}
}

func TestAdminAnswersOneCommandWithOneLine(t *testing.T) {
	const invalid = `{"status":"error","message":"invalid input"}` + "\n"
	tests := []struct{ name, input, want string }{
		{"a command is answered", "reload\n", `{"status":"ok","sites":2}` + "\n"},
		{"a carriage return may end a line", "reload\r\n", `{"status":"ok","sites":2}` + "\n"},
		{"two commands get one answer, to the first", "reload\nstatus\n", `{"status":"ok","sites":2}` + "\n"},
		{"an unknown command is refused", "restart <now>\n", `{"status":"error","message":"unknown command: restart <now>"}` + "\n"},
		{"an empty line is refused", "\n", invalid},
		{"a megabyte without a newline is refused", strings.Repeat("x", 1<<20), invalid},
		{"a megabyte with a newline is refused", strings.Repeat("x", 1<<20) + "\n", invalid},
	}
	a := startServer(t, plainHandlers(), nil)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := a.ask(t, tt.input); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestAdminStatusHasEveryField(t *testing.T) {
	a := startServer(t, plainHandlers(), nil)
	reply := a.ask(t, "status\n")
	if strings.Count(reply, "\n") != 1 || !strings.HasPrefix(reply, `{"status":"ok","uptime_secs":1234,"sites":2,`) {
		t.Errorf("got %q, want one line beginning with the status, the uptime and the sites", reply)
	}
	var fields map[string]any
	if err := json.Unmarshal([]byte(reply), &fields); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{
		"status", "uptime_secs", "sites", "version", "revision", "go_version", "pid", "sandbox", "config", "last_reload",
		"listeners", "certificates", "connections", "requests_in_flight", "descriptors", "rate_limited_clients",
	} {
		if _, ok := fields[key]; !ok {
			t.Errorf("got no field %q in %s", key, reply)
		}
	}
	for _, key := range []string{"listeners", "certificates"} {
		if _, ok := fields[key].([]any); !ok {
			t.Errorf("field %q: got %v, want an empty list", key, fields[key])
		}
	}
}

func TestAdminReloadErrorListsEverything(t *testing.T) {
	handlers := plainHandlers()
	handlers.Reload = func(context.Context) ReloadResult {
		return ReloadResult{Status: "error", Message: "2 errors", Errors: []string{"a: bad\nworse", `b: "no"`}}
	}
	a := startServer(t, handlers, nil)
	want := `{"status":"error","message":"2 errors","errors":["a: bad\nworse","b: \"no\""]}` + "\n"
	if got := a.ask(t, "reload\n"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAdminAnswersAClientThatSendsNoLine(t *testing.T) {
	a := startServer(t, plainHandlers(), func(s *Socket) {
		if s.readTimeout != 5*time.Second {
			t.Errorf("a client has %v to send its command, want 5 s", s.readTimeout)
		}
		s.readTimeout = 50 * time.Millisecond
	})
	const want = `{"status":"error","message":"invalid input"}` + "\n"

	if got := a.ask(t, "stat"); got != want {
		t.Errorf("half a command and silence: got %q, want %q", got, want)
	}
	conn := a.dial(t)
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); string(got) != want || err != nil {
		t.Errorf("the end of the stream: got %q with error %v, want %q", got, err, want)
	}
}

func TestAdminServesSixteenAtOnceAndLetsOthersWait(t *testing.T) {
	var running, most atomic.Int32
	release := make(chan struct{})
	entered := make(chan struct{}, 100)
	handlers := plainHandlers()
	handlers.Reload = func(context.Context) ReloadResult {
		n := running.Add(1)
		defer running.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		entered <- struct{}{}
		<-release
		return ReloadResult{Status: "ok"}
	}
	a := startServer(t, handlers, nil)
	conns := make([]*net.UnixConn, maxConnections+4)
	for i := range conns {
		conns[i] = a.dial(t)
		io.WriteString(conns[i], "reload\n")
	}
	for range maxConnections {
		<-entered
	}
	close(release)
	for i, conn := range conns {
		if got, err := io.ReadAll(conn); string(got) != `{"status":"ok"}`+"\n" || err != nil {
			t.Errorf("connection %d: got %q with error %v, want ok", i, got, err)
		}
	}
	if got := most.Load(); got != maxConnections {
		t.Errorf("connections served at once: got %d, want %d", got, maxConnections)
	}
}

func TestAdminRefusesOtherUsers(t *testing.T) {
	tests := []struct {
		name    string
		peer    uint32
		peerErr error
		allowed bool
		logged  string
	}{
		{"root may", 0, nil, true, ""},
		{"the daemon's user may", 4711, nil, true, ""},
		{"another user may not", 4712, nil, false, "uid=4712"},
		{"a peer without credentials may not", 0, errors.New("no credentials"), false, "no credentials"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var called atomic.Bool
			handlers := plainHandlers()
			handlers.Reload = func(context.Context) ReloadResult {
				called.Store(true)
				return ReloadResult{Status: "ok"}
			}
			a := startServer(t, handlers, func(s *Socket) {
				s.uid = 4711
				s.peerUID = func(*net.UnixConn) (uint32, error) { return tt.peer, tt.peerErr }
			})
			conn := a.dial(t)
			io.WriteString(conn, "reload\n")
			// A refusal may reach the client together with the reset that ends the connection.
			reply := make([]byte, 200)
			n, _ := io.ReadAtLeast(conn, reply, 10)
			refused := string(reply[:n]) == `{"status":"error","message":"permission denied"}`+"\n"
			if refused == tt.allowed || called.Load() != tt.allowed {
				t.Errorf("got %q, handler called %v; want allowed %v", reply[:n], called.Load(), tt.allowed)
			}
			logged, _ := a.stop()
			if got := strings.Contains(logged, "WARN ADMIN_REFUSED"); got == tt.allowed || !strings.Contains(logged, tt.logged) {
				t.Errorf("log: got %q, want ADMIN_REFUSED %v with %q", logged, !tt.allowed, tt.logged)
			}
		})
	}
}

func TestUnixPeerUIDIsTheUserThatConnected(t *testing.T) {
	uids := make(chan uint32, 1)
	a := startServer(t, plainHandlers(), func(s *Socket) {
		s.peerUID = func(conn *net.UnixConn) (uint32, error) {
			uid, err := unixPeerUID(conn)
			uids <- uid
			return uid, err
		}
	})
	a.ask(t, "status\n")
	if got, want := <-uids, uint32(os.Geteuid()); got != want {
		t.Errorf("peer: got uid %d, want %d", got, want)
	}
}

func TestAdminEndOfTheContextClosesEverything(t *testing.T) {
	var reloading sync.WaitGroup
	reloading.Add(1)
	handlers := plainHandlers()
	handlers.Reload = func(ctx context.Context) ReloadResult {
		reloading.Done()
		<-ctx.Done()
		return ReloadResult{Status: "error", Message: "the daemon is ending"}
	}
	a := startServer(t, handlers, nil)
	idle, busy := a.dial(t), a.dial(t)
	io.WriteString(busy, "reload\n")
	reloading.Wait()
	begin := time.Now()
	if _, err := a.stop(); err != nil {
		t.Errorf("serve: got error %v, want none", err)
	}
	if took := time.Since(begin); took > readTimeout/2 {
		t.Errorf("serve took %v to end, want it not to wait for idle clients", took)
	}
	if _, err := os.Lstat(a.path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket's file: got %v, want that it is gone", err)
	}
	if got, _ := io.ReadAll(idle); len(got) != 0 {
		t.Errorf("idle client: got %q, want the connection closed without an answer", got)
	}
	if got, _ := io.ReadAll(busy); !strings.Contains(string(got), "the daemon is ending") {
		t.Errorf("client of the running command: got %q, want its answer", got)
	}
}

func TestAdminClientThatDoesNotReadIsCut(t *testing.T) {
	handlers := plainHandlers()
	handlers.Status = func() Status { return Status{Version: strings.Repeat("v", 2<<20)} }
	a := startServer(t, handlers, nil)
	conn := a.dial(t)
	io.WriteString(conn, "status\n")
	// One byte of the answer shows that the command is being carried out and its answer is stuck.
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	a.stop()
	if took := time.Since(begin); took > 2*closeTimeout {
		t.Errorf("serve took %v to end, want about %v", took, closeTimeout)
	}
}
