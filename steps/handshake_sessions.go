package steps

import (
	"crypto/tls"
	"errors"
	"sync"
)

// sessionCache holds the last session of a client and offers it to any server name. Only a client that tests the server
// does that.
type sessionCache struct {
	mu     sync.Mutex
	last   *tls.ClientSessionState
	stored int
}

// Get implements tls.ClientSessionCache.
func (s *sessionCache) Get(string) (*tls.ClientSessionState, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last, s.last != nil
}

// Put implements tls.ClientSessionCache.
func (s *sessionCache) Put(_ string, session *tls.ClientSessionState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if session != nil {
		s.last = session
		s.stored++
	}
}

// count returns how many sessions were stored; none in a nil cache.
func (s *sessionCache) count() int {
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stored
}

// sessionsOf returns the sessions kept under a name.
func (w *World) sessionsOf(name string) *sessionCache {
	if w.sessions == nil {
		w.sessions = map[string]*sessionCache{}
	}
	if w.sessions[name] == nil {
		w.sessions[name] = new(sessionCache)
	}
	return w.sessions[name]
}

func (w *World) handshakeResumed() error {
	state, err := w.shaken()
	if err != nil {
		return err
	}
	if !state.DidResume {
		return errors.New("the handshake was a full one, want it resumed")
	}
	return nil
}

func (w *World) handshakeFull() error {
	state, err := w.shaken()
	if err != nil {
		return err
	}
	if state.DidResume {
		return errors.New("the handshake was resumed, want a full one")
	}
	return nil
}
