package steps

import (
	"errors"
	"io"
	"net"
	"strconv"
	"syscall"
	"time"
)

func (w *World) noUpstream(name string) error {
	w.remembered["absent:"+name] = "yes"
	_, err := w.upstreamAddress(name)
	return err
}

// blackHole makes a listening socket whose queue is full, so that the kernel drops further connections' first packets.
func (w *World) blackHole(name string) error {
	if err := w.noUpstream(name); err != nil {
		return err
	}
	address, err := w.upstreamAddress(name)
	if err != nil {
		return err
	}
	host, portText, _ := net.SplitHostPort(address)
	port, err := strconv.Atoi(portText)
	if err != nil {
		return err
	}
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	w.cleanup(func() error { return syscall.Close(socket) })
	at := &syscall.SockaddrInet4{Port: port, Addr: [4]byte(net.ParseIP(host).To4())}
	if err := syscall.Bind(socket, at); err != nil {
		return err
	}
	if err := syscall.Listen(socket, 0); err != nil {
		return err
	}
	for range 8 {
		conn, err := net.DialTimeout("tcp", address, 300*time.Millisecond)
		if err != nil {
			return nil // the queue is full
		}
		w.cleanup(conn.Close)
	}
	return errors.New("the kernel goes on accepting connections for a queue of length 0")
}

// muteUpstream listens but never accepts: the kernel completes the connections, and nothing answers.
func (w *World) muteUpstream(name string) error {
	_, err := w.listenAs(name)
	return err
}

// listenAs listens in place of an upstream until the end of the scenario.
func (w *World) listenAs(name string) (net.Listener, error) {
	if err := w.noUpstream(name); err != nil {
		return nil, err
	}
	address, err := w.upstreamAddress(name)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	w.cleanup(listener.Close)
	return listener, nil
}

func (w *World) greetingUpstream(name, text string) error {
	greeting, err := unescape(text)
	if err != nil {
		return err
	}
	listener, err := w.listenAs(name)
	if err != nil {
		return err
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, greeting)
			_ = conn.Close()
		}
	}()
	return nil
}
