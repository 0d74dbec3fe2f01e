package steps

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

func (w *World) unreadSteps() []step {
	return []step{
		{`{int} clients {string}, which read nothing and have opened their windows, ask for {string} twice`, w.openGreedy, "Over HTTP/2, a connection each, from one address, with windows as large as they can be. The sentence below speaks of them."},
		{`they send {string}`, w.greedySend, "`nothing`; `a record of garbage`, which TLS answers with an alert; `a PING every 50 ms` or `a request every 50 ms`, until the connection ends. Does not wait."},
		{`the kernel holds nothing of the proxy's connections to the upstream {string}`, w.upstreamPortsFree, "No socket of the proxy's side is left, in whatever state, so that its local port is free. Waits for it."},
		{`the kernel holds nothing for the clients {string}`, w.kernelHoldsNothing, "No socket of the proxy's side of their connections is left, in whatever state. Waits for it."},
	}
}

// greedyClient is a client that requests much and reads nothing.
type greedyClient struct {
	net.Conn
	raw     *net.TCPConn
	frames  bytes.Buffer
	out     *http2.Framer
	block   bytes.Buffer
	encoder *hpack.Encoder
	host    string
	next    uint32
}

// request writes the HEADERS of a GET.
func (c *greedyClient) request(target string) error {
	c.block.Reset()
	for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":path", target}, {":authority", c.host}} {
		if err := c.encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}); err != nil {
			return err
		}
	}
	c.next += 2
	return c.out.WriteHeaders(http2.HeadersFrameParam{StreamID: c.next, BlockFragment: c.block.Bytes(), EndHeaders: true, EndStream: true})
}

// flush sends the frames written so far.
func (c *greedyClient) flush() error {
	_ = c.SetWriteDeadline(time.Now().Add(patience))
	_, err := c.Write(c.frames.Bytes())
	c.frames.Reset()
	return err
}

func (w *World) openGreedy(count int, client, url string) error {
	scheme, rest, _ := strings.Cut(url, "://")
	host, path, _ := strings.Cut(rest, "/")
	for range count {
		conn, err := w.h2Connect(client, scheme+"://"+host)
		if err != nil {
			return err
		}
		raw, ok := conn.NetConn().(*net.TCPConn)
		if !ok {
			return errors.New("the connection is not one of TCP")
		}
		c := &greedyClient{Conn: conn, raw: raw, host: hostOnly(host), next: ^uint32(0)}
		c.out = http2.NewFramer(&c.frames, nil)
		c.encoder = hpack.NewEncoder(&c.block)
		w.cleanup(func() error { _ = c.raw.Close(); return nil }) // the daemon has closed it already
		const largest = 1<<31 - 1
		err = errors.Join(
			c.out.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: largest}),
			c.out.WriteWindowUpdate(0, largest-65535),
			c.request("/"+path), c.request("/"+path),
		)
		if err != nil {
			return err
		}
		if _, err := c.Write(append([]byte(http2.ClientPreface), c.frames.Bytes()...)); err != nil {
			return err
		}
		c.frames.Reset()
		w.greedy = append(w.greedy, c)
	}
	// The scenario continues when the kernel has accepted no more for any of them. On a busy machine the proxy may have cut
	// the first ones by then.
	held := map[string]bool{}
	return w.eventually(func() error {
		for _, s := range w.socketsOf(client) {
			if s.unsent > 100<<10 {
				held[s.peer] = true
			}
		}
		if len(held) < count {
			return fmt.Errorf("got %d connections that cannot be written to, want %d", len(held), count)
		}
		return nil
	})
}

func (w *World) greedySend(what string) error {
	var write func(c *greedyClient) error
	switch what {
	case "nothing":
		return nil
	case "a record of garbage":
		for _, c := range w.greedy {
			if _, err := c.raw.Write(append([]byte{0x17, 3, 3, 0, 0x28}, make([]byte, 40)...)); err != nil {
				return err
			}
		}
		return nil
	case "a PING every 50 ms":
		write = func(c *greedyClient) error { return c.out.WritePing(false, [8]byte{'m', 'o', 'r', 'e'}) }
	case "a request every 50 ms":
		write = func(c *greedyClient) error { return c.request("/") }
	default:
		return fmt.Errorf("%q is nothing that can be sent", what)
	}
	var running sync.WaitGroup
	w.cleanup(func() error {
		for _, c := range w.greedy {
			_ = c.raw.Close()
		}
		running.Wait()
		return nil
	})
	for _, c := range w.greedy {
		running.Go(func() {
			tick := time.NewTicker(50 * time.Millisecond)
			defer tick.Stop()
			for range tick.C {
				if write(c) != nil || c.flush() != nil {
					return
				}
			}
		})
	}
	return nil
}

// kernelSocket is the proxy's socket of a client's connection, as /proc/net/tcp shows it.
type kernelSocket struct {
	// peer is the client's address and port, in hexadecimal.
	peer, state string
	unsent      int
}

// socketsOf returns the proxy's sockets of the connections of an IPv4 client.
func (w *World) socketsOf(client string) []kernelSocket {
	return socketsTo(kernelAddress(w.clientAddress(client)))
}

// kernelAddress returns an IPv4 address as /proc/net/tcp shows it, with the colon before the port.
func kernelAddress(ip string) string {
	return fmt.Sprintf("%08X:", binary.LittleEndian.Uint32(net.ParseIP(ip).To4()))
}

// socketsTo returns the sockets whose peer begins with the given text.
func socketsTo(peer string) (sockets []kernelSocket) {
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if len(f) < 5 || !strings.HasPrefix(f[2], peer) {
			continue
		}
		s := kernelSocket{peer: f[2], state: f[3]}
		_, _ = fmt.Sscanf(f[4], "%x:", &s.unsent) // 0 if it is not a number
		sockets = append(sockets, s)
	}
	return sockets
}

// upstreamPortsFree waits for less than the minute for which the kernel keeps the port of a connection that ended in order.
func (w *World) upstreamPortsFree(name string) error {
	up, err := w.upstream(name)
	if err != nil {
		return err
	}
	to := up.listener.Addr().(*net.TCPAddr)
	peer := kernelAddress(to.IP.String()) + fmt.Sprintf("%04X", to.Port)
	return w.within(patience/2, func() error {
		if sockets := socketsTo(peer); len(sockets) > 0 {
			return fmt.Errorf("got the sockets %v, want none", sockets)
		}
		return nil
	})
}

func (w *World) kernelHoldsNothing(client string) error {
	return w.eventually(func() error {
		if sockets := w.socketsOf(client); len(sockets) > 0 {
			return fmt.Errorf("got the sockets %v, want none", sockets)
		}
		return nil
	})
}
