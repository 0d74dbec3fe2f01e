//go:build linux

package origin

import (
	"strconv"
	"time"
)

// Event is the event that each client of Events gets once a second.
const Event = "event: price\nid: 4711\ndata: {\"symbol\":\"EXMPL\",\"price\":123.45,\"time\":\"2026-11-02T10:00:00Z\"}\n\n"

// eventInterval is the time between two events of a client.
const eventInterval = time.Second

// eventsHead begins the answer to Events. Its body has no end.
const eventsHead = "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Mon, 02 Nov 2026 10:00:00 GMT\r\n" +
	"Content-Type: text/event-stream\r\nCache-Control: no-store\r\nTransfer-Encoding: chunked\r\n\r\n"

// subscription is a connection that gets events, and when the next one is due.
type subscription struct {
	conn *conn
	due  time.Time
}

// eventChunk returns an event as a chunk.
func eventChunk() []byte {
	return []byte(strconv.FormatInt(int64(len(Event)), 16) + "\r\n" + Event + "\r\n")
}

// subscribe sends the head to a connection, and events from now on.
func (s *server) subscribe(c *conn) bool {
	if !s.send(c, []byte(eventsHead)) {
		return false
	}
	s.subscriptions = append(s.subscriptions, subscription{c, time.Now().Add(eventInterval)})
	return true
}

// publish sends the events that are due, and returns the time until the next one, or most if there is none before.
// All have the same interval, so that the subscription that is due first is always at the front.
func (s *server) publish(now time.Time, most time.Duration) time.Duration {
	for len(s.subscriptions) > 0 {
		next := s.subscriptions[0]
		if wait := next.due.Sub(now); wait > 0 {
			return min(wait, most)
		}
		s.subscriptions = s.subscriptions[1:]
		if s.conns[int32(next.conn.fd)] != next.conn {
			continue // it has ended
		}
		if !s.send(next.conn, s.answers.event) {
			s.end(next.conn)
			continue
		}
		s.subscriptions = append(s.subscriptions, subscription{next.conn, next.due.Add(eventInterval)})
	}
	return most
}
