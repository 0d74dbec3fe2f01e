package access

import (
	"runtime"
	"slices"
	"sync"

	"reverse-proxy/proxy/limit"
)

// The bounds of what verifying passwords may take.
const (
	// MaxAtOnce is the most passwords that are verified at the same time. Half of the processors are left to other
	// requests.
	MaxAtOnce = 4
	// maxQueued is the largest number of waiting passwords, and maxQueuedPerClient that of one client.
	maxQueued          = 256
	maxQueuedPerClient = 8
)

// queue bounds how many passwords are verified at the same time. Waiting clients take turns, so that a client with many
// passwords delays another client by one of them at most.
type queue struct {
	mu      sync.Mutex
	room    int
	waiting int
	// clients are the clients that wait, in the order in which they are served; byKey finds them.
	clients []*queuedClient
	byKey   map[limit.Key]*queuedClient
}

// queuedClient is a client with the turns that it waits for, in the order of their arrival.
type queuedClient struct {
	key   limit.Key
	turns []chan struct{}
}

func newQueue() *queue {
	return &queue{room: min(MaxAtOnce, max(1, runtime.GOMAXPROCS(0)/2)), byKey: map[limit.Key]*queuedClient{}}
}

// enter takes a place, or returns the channel that is closed when the client gets one. full reports that too many wait.
func (q *queue) enter(client limit.Key) (turn chan struct{}, full bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.room > 0 {
		q.room--
		return nil, false
	}
	c := q.byKey[client]
	if q.waiting >= maxQueued || c != nil && len(c.turns) >= maxQueuedPerClient {
		return nil, true
	}
	if c == nil {
		c = &queuedClient{key: client}
		q.byKey[client] = c
		q.clients = append(q.clients, c)
	}
	turn = make(chan struct{})
	c.turns = append(c.turns, turn)
	q.waiting++
	return turn, false
}

// leave passes a place on to the next client.
func (q *queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.clients) == 0 {
		q.room++
		return
	}
	c := q.clients[0]
	q.clients = q.clients[1:]
	turn := c.turns[0]
	c.turns = c.turns[1:]
	q.waiting--
	if len(c.turns) > 0 {
		q.clients = append(q.clients, c)
	} else {
		delete(q.byKey, c.key)
	}
	close(turn)
}

// giveUp ends the wait for a turn. It returns false if the turn has come: the caller has to leave.
func (q *queue) giveUp(client limit.Key, turn chan struct{}) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := q.byKey[client]
	if c == nil {
		return false
	}
	i := slices.Index(c.turns, turn)
	if i < 0 {
		return false
	}
	c.turns = slices.Delete(c.turns, i, i+1)
	q.waiting--
	if len(c.turns) == 0 {
		delete(q.byKey, client)
		q.clients = slices.DeleteFunc(q.clients, func(other *queuedClient) bool { return other == c })
	}
	return true
}
