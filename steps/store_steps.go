package steps

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"reverse-proxy/conformance/redistest"
)

// storeSteps are the steps about the store that several machines share.
func (w *World) storeSteps() []step {
	return []step{
		{`a store`, w.startStore, "A Redis server, as `store` in `[acme]` of the configuration. The key is in `store.key` beside it."},
		{`a store with the password {string}`, w.startStoreWithPassword, "In its URL."},
		{`a store with the password in the file {string}`, w.startStoreWithPasswordFile, "Which exists."},
		{`a store that can be slow`, w.startSlowStore, "A store with a relay in front of it, which closes connections while the store is killed."},
		{`the store takes {int} second(s) for each command`, w.slowStore, "The relay passes each one on after that time."},
		{`the store has the password {string}`, w.setStorePassword, "From its next start on; \"\" for none."},
		{`the store closes all connections`, w.dropStoreConns, ""},
		{`the leases in the store have {int} seconds left`, w.ageLeases, "As if the rest of their 30 seconds had passed."},
		{`the store is killed`, w.killStore, "With all it had."},
		{`the store comes back`, w.restartStore, "At the same address, and empty."},
		{`the store hangs`, w.pauseStore, "It answers nothing, until it continues."},
		{`the store goes on`, w.continueStore, ""},
		{`the store is emptied`, w.emptyStore, ""},
		{`the store is read-only`, w.freezeStore, "As a replica of a server that is away."},
		{`the store can be written`, w.thawStore, "Again."},
		{`the values of the store are garbage`, w.spoilStore, "Each is replaced by a few bytes; leases stay."},
		{`the store has certificates that are not garbage`, w.storeMended, "Waits for it."},
		{`the store holds no text {string}`, w.storeLacks, "In any of its keys, as the server would write it to a disk."},
	}
}

// HasRedis reports whether a Redis server is installed, which scenarios tagged @redis need.
func (s *Suite) HasRedis() bool {
	_, err := exec.LookPath("redis-server")
	return err == nil
}

func (w *World) startStore() error { return w.startStoreWithPassword("") }

func (w *World) startStoreWithPassword(password string) error {
	server, err := redistest.Start(redistest.Options{Password: password})
	if err != nil {
		return err
	}
	w.cleanup(func() error { server.Stop(); return nil })
	w.store = server
	at := server.Address
	if password != "" {
		at = ":" + password + "@" + at
	}
	return w.useStore(at)
}

func (w *World) startStoreWithPasswordFile(name string) error {
	path := w.path(name)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	server, err := redistest.Start(redistest.Options{Password: strings.TrimSpace(string(text))})
	if err != nil {
		return err
	}
	w.cleanup(func() error { server.Stop(); return nil })
	w.store = server
	return errors.Join(w.useStore(server.Address), w.config.set("acme.store_password_file", path))
}

func (w *World) startSlowStore() error {
	if err := w.startStore(); err != nil {
		return err
	}
	relay, err := redistest.StartRelay(w.store)
	if err != nil {
		return err
	}
	w.cleanup(func() error { relay.Close(); return nil })
	w.storeRelay = relay
	return w.useStore(relay.Address)
}

// useStore writes a store into the configuration, and its key where the configuration file is.
func (w *World) useStore(at string) error {
	key := filepath.Join(w.dir, "store.key")
	if err := os.WriteFile(key, []byte(strings.Repeat("a key of the suite ", 3)+"\n"), 0o600); err != nil {
		return err
	}
	return w.config.set("acme.store", "redis://"+at+"/0")
}

// onStore runs do on the store of the scenario.
func (w *World) onStore(do func(*redistest.Server) error) error {
	if w.store == nil {
		return errors.New("the scenario has no store")
	}
	return do(w.store)
}

// storeCommand runs a command on the store.
func (w *World) storeCommand(command string, args ...any) error {
	return w.onStore(func(s *redistest.Server) error { _, err := s.Do(command, args...); return err })
}

func (w *World) slowStore(seconds int) error {
	if w.storeRelay == nil {
		return errors.New("the scenario has no store that can be slow")
	}
	w.storeRelay.Set(func(string, []string, io.Writer) bool {
		select {
		case <-time.After(time.Duration(seconds) * time.Second):
		case <-w.ctx.Done():
		}
		return false
	})
	return nil
}

func (w *World) setStorePassword(password string) error {
	return w.onStore(func(s *redistest.Server) error { s.SetPassword(password); return nil })
}

func (w *World) dropStoreConns() error { return w.storeCommand("CLIENT", "KILL", "TYPE", "normal") }

// ageLeases makes most of the time of all leases pass.
func (w *World) ageLeases(seconds int) error {
	const leaseTime = 30 * time.Second
	return w.onStore(func(s *redistest.Server) error {
		keys, err := s.Keys("reverse-proxy:lease:*")
		if err == nil && len(keys) == 0 {
			err = errors.New("the store has no leases")
		}
		for _, key := range keys {
			left, err := s.Do("PTTL", key)
			if ms, _ := left.(int64); err != nil || ms <= 0 || ms > leaseTime.Milliseconds() {
				return fmt.Errorf("%s: got %v ms and %w, want at most %v", key, left, err, leaseTime)
			}
			if _, err := s.Do("PEXPIRE", key, seconds*1000); err != nil {
				return err
			}
		}
		return err
	})
}

func (w *World) killStore() error {
	return w.onStore(func(s *redistest.Server) error { s.Kill(); return nil })
}

func (w *World) restartStore() error {
	return w.onStore(func(s *redistest.Server) error { return s.Restart() })
}

func (w *World) pauseStore() error {
	return w.onStore(func(s *redistest.Server) error { s.Pause(); return nil })
}

func (w *World) continueStore() error {
	return w.onStore(func(s *redistest.Server) error { s.Continue(); return nil })
}

func (w *World) emptyStore() error  { return w.storeCommand("FLUSHALL") }
func (w *World) thawStore() error   { return w.storeCommand("REPLICAOF", "NO", "ONE") }
func (w *World) freezeStore() error { return w.storeCommand("REPLICAOF", "127.0.0.1", "1") }

func (w *World) spoilStore() error {
	return w.onStore(func(s *redistest.Server) error {
		keys, err := s.Keys("reverse-proxy:value:*")
		if err == nil && len(keys) == 0 {
			err = errors.New("the store has no values")
		}
		for _, key := range keys {
			if strings.HasSuffix(key, ":check") {
				continue
			}
			if _, err := s.Do("SET", key, "garbage"); err != nil {
				return err
			}
		}
		return err
	})
}

func (w *World) storeMended() error {
	return w.onStore(func(s *redistest.Server) error {
		return w.eventually(func() error {
			keys, err := s.Keys("reverse-proxy:value:certificate/*")
			if err == nil && len(keys) == 0 {
				err = errors.New("the store has no certificates")
			}
			for _, key := range keys {
				if value, err := s.Do("GET", key); err != nil || string(value.([]byte)) == "garbage" {
					return fmt.Errorf("%s is garbage: %w", key, err)
				}
			}
			return err
		})
	})
}

func (w *World) storeLacks(text string) error {
	return w.onStore(func(s *redistest.Server) error {
		keys, err := s.Keys("*")
		for _, key := range keys {
			dump, err := s.Do("DUMP", key)
			if err != nil {
				return err
			}
			if data, _ := dump.([]byte); strings.Contains(key+string(data), text) {
				return fmt.Errorf("the key %s holds %q", key, text)
			}
		}
		return err
	})
}
