// Connectshim puts a running proxy between Connect's conformance runner and a program of the suite.
//
// The runner tells a client which server to call, and a server which properties to have, by messages on their standard inputs. With
//
//	connectconformance --mode server -- connectshim server -port 8443 -cert proxy.pem -- referenceserver -port 5000
//
// the runner is told that the server is the proxy, which has 127.0.0.1:5000 as its upstream. With
//
//	connectconformance --mode client --port 5000 -- connectshim client -port 8443 -cert proxy.pem -- referenceclient
//
// the client calls the proxy in place of the runner's server.
package main

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// shim is what the command line says.
type shim struct {
	// port and cert are those of the proxy, whose host is localhost.
	port uint64
	cert []byte
	// version is the version of HTTP that the wrapped program is told to use; 0 for what the runner says.
	version uint64
	command []string
}

func main() {
	if err := run(os.Args); err != nil {
		fmt.Fprintf(os.Stderr, "connectshim: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	const usage = "usage: connectshim client|server -port PORT -cert FILE [-http 1|2] -- COMMAND"
	if len(args) < 2 {
		return errors.New(usage)
	}
	var s shim
	flags := flag.NewFlagSet(args[1], flag.ContinueOnError)
	flags.Uint64Var(&s.port, "port", 0, "the proxy's `port` on localhost")
	flags.Uint64Var(&s.version, "http", 0, "the `version` of HTTP that the program is told to use, in place of what the runner says")
	path := flags.String("cert", "", "the `file` with the proxy's certificate")
	if err := flags.Parse(args[2:]); err != nil {
		return err
	}
	s.command = flags.Args()
	if len(s.command) == 0 || s.port == 0 {
		return errors.New(usage)
	}
	var err error
	if s.cert, err = os.ReadFile(*path); err != nil {
		return err
	}
	switch args[1] {
	case "client":
		return s.around(s.client)
	case "server":
		return s.around(s.server)
	}
	return errors.New(usage)
}

// around starts the wrapped program, exchanges messages with it, and waits for its end. The runner ends a server by SIGTERM.
func (s *shim) around(exchange func(in io.WriteCloser, out io.Reader) error) error {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	cmd := exec.Command(s.command[0], s.command[1:]...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		<-ended
		_ = cmd.Process.Kill() // a graceful end would wait for the proxy's idle connections
	}()
	if err := exchange(in, out); err != nil {
		_ = cmd.Process.Kill()
		return errors.Join(err, cmd.Wait())
	}
	return cmd.Wait()
}

// server passes the runner's one message to the server, and answers with the proxy's address.
func (s *shim) server(in io.WriteCloser, out io.Reader) error {
	request, err := readMessage(os.Stdin)
	if err != nil {
		return err
	}
	if s.version != 0 {
		request = appendNumber(request, serverHTTPVersion, s.version)
	}
	if err := writeMessage(in, appendNumber(request, serverUseTLS, 0)); err != nil {
		return err
	}
	if err := in.Close(); err != nil {
		return err
	}
	response, err := readMessage(out)
	if err != nil {
		return err
	}
	if err := s.meet(); err != nil {
		return err
	}
	response = appendBytes(response, answerHost, []byte("localhost"))
	response = appendNumber(response, answerPort, s.port)
	return writeMessage(os.Stdout, appendBytes(response, answerCert, s.cert))
}

// meet makes a request that may be repeated. The proxy may not have noticed yet that its connections to the server before this one
// have ended, and would lose one that may not.
func (s *shim) meet() error {
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	client := &http.Client{Transport: transport, Timeout: time.Minute}
	response, err := client.Get(fmt.Sprintf("https://localhost:%d/", s.port))
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// client passes the runner's messages to the client, with the proxy's address in each, and its results back.
func (s *shim) client(in io.WriteCloser, out io.Reader) error {
	results := make(chan error, 1)
	go func() {
		_, err := io.Copy(os.Stdout, out)
		results <- err
	}()
	for {
		request, err := readMessage(os.Stdin)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if s.version != 0 {
			request = appendNumber(request, clientHTTPVersion, s.version)
		}
		request = appendBytes(request, clientHost, []byte("localhost"))
		request = appendNumber(request, clientPort, s.port)
		if err := writeMessage(in, appendBytes(request, clientCert, s.cert)); err != nil {
			return err
		}
	}
	if err := in.Close(); err != nil {
		return err
	}
	return <-results
}
