package soak

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// config is the configuration of the daemon. Its rate limit is too high to matter.
const config = `health_check_port = %d
admin_socket_path = %q
shutdown_timeout_secs = 20
body_idle_timeout_secs = 10
[logging]
log_file_path = %q
[rate_limit]
requests_per_second = 1000000
burst = 1000000
[body]
limit_bytes = 67108864
[[listeners]]
bind_addr = "127.0.0.1"
http_port = %d
https_port = %d
[listeners.tls]
mode = "self_signed"
`

// Daemon is the real binary, running in its own directory.
type Daemon struct {
	// Port, HTTP and Health are its ports on 127.0.0.1.
	Port, HTTP, Health int
	// Dir holds its configuration and its log.
	Dir string
	// Admin is the path of its admin socket, "" for none.
	Admin  string
	binary string
	cmd    *exec.Cmd
	ended  chan error
}

func (d *Daemon) configPath() string { return filepath.Join(d.Dir, "config.toml") }
func (d *Daemon) logPath() string    { return filepath.Join(d.Dir, "proxy.log") }

// Configure writes the configuration with the address of each host's upstream. A reload puts it to use.
func (d *Daemon) Configure(sites map[string]string) error {
	text := ""
	for _, host := range slices.Sorted(maps.Keys(sites)) {
		text += fmt.Sprintf("[[listeners.sites]]\nhost = %q\nupstream = %q\n", host, sites[host])
	}
	return d.ConfigureText(text)
}

// ConfigureText is Configure with the text of all sites, of which a.test is one.
func (d *Daemon) ConfigureText(sites string) error {
	text := fmt.Sprintf(config, d.Health, d.Admin, d.logPath(), d.HTTP, d.Port) + sites
	fresh := d.configPath() + ".new"
	if err := os.WriteFile(fresh, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, d.configPath())
}

// Start starts the binary with the written configuration, and waits until it serves.
func (d *Daemon) Start(binary string, environment ...string) error {
	output, err := os.Create(filepath.Join(d.Dir, "output"))
	if err != nil {
		return err
	}
	defer output.Close()
	d.binary = binary
	d.cmd = exec.Command(binary, "--config", d.configPath())
	d.cmd.Stderr = output
	d.cmd.Env = append(append(os.Environ(), "NOTIFY_SOCKET="), environment...)
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := d.cmd.Start(); err != nil {
		return err
	}
	d.ended = make(chan error, 1)
	go func() { d.ended <- d.cmd.Wait() }()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		if _, err := d.get(fmt.Sprintf("https://127.0.0.1:%d/health", d.Port)); err == nil {
			return nil
		}
		select {
		case err := <-d.ended:
			d.ended <- err
			return fmt.Errorf("the daemon has ended: %v: %s", err, d.output())
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return errors.Join(errors.New("the daemon does not serve"), d.Stop())
		}
	}
}

// command runs a command of the binary, and returns what it prints.
func (d *Daemon) command(args ...string) (string, error) {
	cmd := exec.Command(d.binary, append(args, "--config", d.configPath())...)
	cmd.Env = d.cmd.Env
	output, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, output)
	}
	return string(output), nil
}

// Signal sends the daemon a signal.
func (d *Daemon) Signal(signal os.Signal) error { return d.cmd.Process.Signal(signal) }

// Stop ends the daemon and returns an error unless it exits with code 0 and an empty stderr.
func (d *Daemon) Stop() error {
	_ = d.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case err := <-d.ended:
		if text := d.output(); err != nil || text != "" {
			return fmt.Errorf("the daemon ended with %v: %s", err, text)
		}
		return nil
	case <-time.After(time.Minute):
		_ = d.cmd.Process.Kill()
		<-d.ended
		return errors.New("the daemon has not ended within a minute")
	}
}

// output returns the beginning of the daemon's stderr, which is empty unless there was a panic or a race.
func (d *Daemon) output() string {
	text, err := os.ReadFile(filepath.Join(d.Dir, "output"))
	if err != nil {
		return err.Error()
	}
	return string(text[:min(len(text), 4<<10)])
}

// get requests a URL on a new connection, whose certificate it does not verify.
func (d *Daemon) get(url string) (string, error) {
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "a.test"}, DisableKeepAlives: true,
	}
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	response, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	return string(text), err
}

// Metrics returns the values of the health port's metrics; those with labels are summed.
func (d *Daemon) Metrics() (map[string]float64, error) {
	text, err := d.get(fmt.Sprintf("http://127.0.0.1:%d/metrics", d.Health))
	if err != nil {
		return nil, err
	}
	numbers := map[string]float64{}
	for line := range strings.Lines(text) {
		series, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		if i := strings.LastIndex(series, "}"); i >= 0 {
			series, value = series[:i+1], strings.TrimSpace(line[i+1:])
		}
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		name, _, _ := strings.Cut(series, "{")
		numbers[name] += number
	}
	return numbers, nil
}
