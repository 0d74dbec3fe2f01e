package proxy

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"reverse-proxy/proxy/cert"
)

// hasArrived reports whether bytes wait at the end of a connection.
func hasArrived(t *testing.T, conn *net.TCPConn) bool {
	t.Helper()
	fd, err := descriptorOf(conn)
	if err != nil {
		t.Fatal(err)
	}
	some, err := waits(fd)
	if err != nil {
		t.Fatal(err)
	}
	return some
}

func TestGatheredWritesAreSentTogetherAndInOrder(t *testing.T) {
	for _, tt := range []struct {
		name  string
		room  int
		parts []string
	}{
		{"nothing is written", 10, nil},
		{"one write is gathered", 10, []string{"hello"}},
		{"several writes are gathered", 10, []string{"he", "ll", "o"}},
		{"the writes fill the room", 5, []string{"he", "llo"}},
		{"the writes exceed the room", 4, []string{"he", "llo", ", wor", "ld"}},
		{"one write is longer than the room", 4, []string{"he", "llo, world", "!"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, far := socketPair(t)
			buffer := make([]byte, 0, tt.room)
			s.beginGathering(&buffer)
			want := ""
			for _, part := range tt.parts {
				if n, err := s.Write([]byte(part)); n != len(part) || err != nil {
					t.Fatalf("Write: %d, %v", n, err)
				}
				if want += part; len(want) <= tt.room && hasArrived(t, far) {
					t.Errorf("%q was sent at once", part)
				}
			}
			if err := s.sendGathered(); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Write([]byte(".")); err != nil { // no longer gathered
				t.Fatal(err)
			}
			got := make([]byte, len(want)+1)
			if _, err := io.ReadFull(far, got); err != nil || string(got) != want+"." {
				t.Errorf("got %q, %v, want %q", got, err, want+".")
			}
		})
	}
}

// crypto/tls moves the deadline of a connection to send close_notify. The record that a timeout has cut must stay the last.
func TestNothingFollowsGatheredBytesThatWereCut(t *testing.T) {
	s, far := socketPair(t)
	buffer := make([]byte, 0, 8<<20)
	s.beginGathering(&buffer)
	if _, err := s.Write(make([]byte, 8<<20)); err != nil { // more than the kernel takes
		t.Fatal(err)
	}
	_ = s.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
	if err := s.sendGathered(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %v, want the deadline", err)
	}
	_ = s.SetWriteDeadline(time.Time{})
	go func() { _, _ = io.Copy(io.Discard, far) }()
	for range 2 {
		if n, err := s.Write([]byte("close_notify")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a later write gave %d, %v", n, err)
		}
	}
}

// The other goroutine is crypto/tls, which writes alerts and answers to key updates while it reads. The lock is the one that
// it holds while it encrypts and writes.
func TestRecordsOfTwoGoroutinesKeepTheirOrder(t *testing.T) {
	s, far := socketPair(t)
	var encrypt sync.Mutex
	var next uint32
	record := func() error {
		encrypt.Lock()
		defer encrypt.Unlock()
		next++
		_, err := s.Write(binary.BigEndian.AppendUint32(nil, next))
		return err
	}
	const each = 3000
	var tasks sync.WaitGroup
	tasks.Go(func() {
		buffer := make([]byte, 0, 64)
		for range each / 10 {
			buffer = buffer[:0]
			s.beginGathering(&buffer)
			for range 10 {
				if err := record(); err != nil {
					t.Error(err)
				}
			}
			if err := s.sendGathered(); err != nil {
				t.Error(err)
			}
		}
	})
	tasks.Go(func() {
		for range each {
			if err := record(); err != nil {
				t.Error(err)
			}
		}
	})
	var got [4]byte
	for want := uint32(1); want <= 2*each; want++ {
		if _, err := io.ReadFull(far, got[:]); err != nil {
			t.Fatal(err)
		}
		if n := binary.BigEndian.Uint32(got[:]); n != want {
			t.Fatalf("got record %d in the place of %d", n, want)
		}
	}
	tasks.Wait()
}

func TestABoundedNumberOfConnectionsGather(t *testing.T) {
	var all gatherings
	var taken []*[]byte
	for range maxGatherings {
		b := all.take()
		if b == nil || len(*b) != 0 || cap(*b) < gatherBytes {
			t.Fatalf("no buffer number %d", len(taken)+1)
		}
		*b = append(*b, "of another connection"...)
		taken = append(taken, b)
	}
	for range 2 { // a refusal must not move the count
		if all.take() != nil {
			t.Error("there is a buffer above the bound")
		}
	}
	all.give(taken[0])
	if b := all.take(); b == nil || len(*b) != 0 {
		t.Error("a buffer that was given back is not lent again, or not empty")
	}
}

// tlsPair returns a client's TLS connection, with a count of the records that it writes, and its client.
func tlsPair(t *testing.T, all *gatherings) (server *clientTLS, records *countingConn, client *tls.Conn) {
	t.Helper()
	certificate, err := cert.MakeSelfSigned([]string{"a.test"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s, far := socketPair(t)
	records = &countingConn{Conn: s}
	conn := tls.Server(records, &tls.Config{Certificates: []tls.Certificate{*certificate}})
	client = tls.Client(far, &tls.Config{InsecureSkipVerify: true})
	shaken := make(chan error, 1)
	go func() { shaken <- conn.Handshake() }()
	if err := errors.Join(client.Handshake(), <-shaken); err != nil {
		t.Fatal(err)
	}
	return &clientTLS{Conn: conn, socket: s, all: all}, records, client
}

func TestLongWritesOverTLSArriveWhole(t *testing.T) {
	for _, tt := range []struct {
		name  string
		taken int
		sizes []int
	}{
		{"less than a record is written", 0, []int{1, 100, oneRecordBytes}},
		{"the small records of a new connection are written", 0, []int{oneRecordBytes + 1, 8000, 40000, 90000}},
		{"long records are written", 0, []int{fullRecordsAfter, fullRecordBytes, fullRecordBytes + 1, longBodyBufferBytes}},
		{"more than a buffer holds is written", 0, []int{5 * gatherBytes}},
		{"no buffer is left", maxGatherings, []int{1, 40000, fullRecordsAfter, longBodyBufferBytes}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var all gatherings
			all.taken.Store(int32(tt.taken))
			server, _, client := tlsPair(t, &all)
			var want []byte
			for i, size := range tt.sizes {
				want = append(want, bytes.Repeat([]byte{byte('a' + i)}, size)...)
			}
			got := make(chan []byte)
			go func() {
				data, err := io.ReadAll(client)
				if err != nil {
					t.Error(err)
				}
				got <- data
			}()
			for rest := want; len(rest) > 0; {
				size := tt.sizes[0]
				tt.sizes = tt.sizes[1:]
				if n, err := server.Write(rest[:size]); n != size || err != nil {
					t.Fatalf("Write: %d, %v", n, err)
				}
				rest = rest[size:]
			}
			_ = server.Close()
			if data := <-got; !bytes.Equal(data, want) {
				t.Errorf("%d bytes arrived, want %d, or they differ", len(data), len(want))
			}
			if n := all.taken.Load(); n != int32(tt.taken) {
				t.Errorf("%d buffers are still taken", n)
			}
		})
	}
}

// If crypto/tls changes the lengths of its records, writes are no longer gathered when they should be.
func TestWhatIsNotGatheredFitsIntoOneRecord(t *testing.T) {
	server, records, client := tlsPair(t, nil)
	go func() { _, _ = io.Copy(io.Discard, client) }()
	write := func(n int) (made int32, gathered bool) {
		gathered = server.needsRecords(n)
		before := records.writes.Load()
		if _, err := server.Conn.Write(make([]byte, n)); err != nil {
			t.Fatal(err)
		}
		return records.writes.Load() - before, gathered
	}
	if made, gathered := write(oneRecordBytes); made != 1 || gathered {
		t.Errorf("the first %d bytes make %d records, and gathered is %t", oneRecordBytes, made, gathered)
	}
	if made, gathered := write(8 * oneRecordBytes); made < 2 || !gathered {
		t.Errorf("the next %d bytes make %d records, and gathered is %t", 8*oneRecordBytes, made, gathered)
	}
	for server.sent < fullRecordsAfter {
		write(fullRecordBytes)
	}
	if made, gathered := write(fullRecordBytes); made != 1 || gathered {
		t.Errorf("%d bytes make %d records later, and gathered is %t", fullRecordBytes, made, gathered)
	}
	if made, gathered := write(fullRecordBytes + 1); made != 2 || !gathered {
		t.Errorf("%d bytes make %d records later, and gathered is %t", fullRecordBytes+1, made, gathered)
	}
}
