package proxy

import (
	"bufio"
	"crypto/tls"
	"net"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// recordReader records which frames arrive in which TLS record: a read of tls.Conn returns bytes of at most one record.
type recordReader struct {
	conn *tls.Conn
	rest []byte
	// records is how many have arrived.
	records int
}

func (r *recordReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		buffer := make([]byte, 32<<10)
		n, err := r.conn.Read(buffer)
		if err != nil {
			return 0, err
		}
		r.records++
		r.rest = buffer[:n]
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// curl 7.88 (Debian 12) drops what it has received of a response if RST_STREAM arrives in the same TLS record, and reports
// a stream error in place of the 413.
func TestTheResetAfterAnEarlyAnswerComesInARecordOfItsOwn(t *testing.T) {
	d := startDaemon(t, rawUpstream(t, func(string, *bufio.Reader, net.Conn) { t.Error("the upstream was asked") }), "")
	c := newH2Client(t, d)
	records := &recordReader{conn: c.conn.(*tls.Conn)}
	c.framer = http2.NewFramer(c.conn, records)
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	const streams = 20
	for id := uint32(1); id < 2*streams; id += 2 {
		c.head(id, false, ":method", "PUT", ":scheme", "https", ":path", "/", ":authority", "a.test", "content-length", "100001")
	}
	ended, reset := map[uint32]int{}, map[uint32]int{}
	for len(reset) < streams {
		f, err := c.framer.ReadFrame()
		if err != nil {
			t.Fatalf("got %v after %d answers and %d resets, want %d of each", err, len(ended), len(reset), streams)
		}
		id := f.Header().StreamID
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			if f.PseudoValue("status") != "413" {
				t.Errorf("stream %d was answered with %s, want 413", id, f.PseudoValue("status"))
			}
		case *http2.DataFrame:
			if f.StreamEnded() {
				ended[id] = records.records
			}
		case *http2.RSTStreamFrame:
			if f.ErrCode != http2.ErrCodeNo {
				t.Errorf("stream %d was reset with %v, want NO_ERROR", id, f.ErrCode)
			}
			reset[id] = records.records
		}
	}
	for id, record := range reset {
		if ended[id] == 0 || ended[id] >= record {
			t.Errorf("stream %d ended in record %d and was reset in record %d, want a later one", id, ended[id], record)
		}
	}
}
