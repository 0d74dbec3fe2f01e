package http2

import "hash/maphash"

// table is the dynamic table of an encoder (RFC 7541, section 2.3.2): the most recent fields, up to a total size. Their
// bytes are in one slice, so the table allocates nothing once the slice has grown.
type table struct {
	seed maphash.Seed
	// limit is the largest size and size the present one, both counted as in RFC 7541, section 4.1.
	limit, size int
	// entries are the fields, oldest first; bytes holds their names and values.
	entries []entry
	bytes   []byte
}

// entry is one field; its name and value are adjacent in the table's bytes.
type entry struct {
	hash              uint32
	at                uint16
	nameLen, valueLen uint16
}

// entryOverhead is the number of bytes that an entry counts in addition to its name and value.
const entryOverhead = 32

func (e entry) size() int { return int(e.nameLen) + int(e.valueLen) + entryOverhead }

// takes reports whether a field of that length is worth an entry. A field that would evict most of the others is not.
func (t *table) takes(length int) bool { return length+entryOverhead <= t.limit/4 }

func (t *table) hash(name []byte, value string) uint32 {
	return uint32(maphash.Bytes(t.seed, name)*31 + maphash.String(t.seed, value))
}

// find returns how many entries back the field is: 1 for the newest, 0 if it is not there.
func (t *table) find(hash uint32, name []byte, value string) int {
	for i := len(t.entries) - 1; i >= 0; i-- {
		e := &t.entries[i]
		if e.hash != hash || int(e.nameLen) != len(name) || int(e.valueLen) != len(value) {
			continue
		}
		at := int(e.at)
		if string(t.bytes[at:at+len(name)]) == string(name) && string(t.bytes[at+len(name):at+len(name)+len(value)]) == value {
			return len(t.entries) - i
		}
	}
	return 0
}

// add adds a field, which must fit, and evicts old ones to make room.
func (t *table) add(hash uint32, name []byte, value string) {
	length := len(name) + len(value)
	t.evict(t.limit - length - entryOverhead)
	if len(t.bytes)+length > 2*HeaderTableBytes {
		t.compact()
	}
	t.entries = append(t.entries, entry{hash, uint16(len(t.bytes)), uint16(len(name)), uint16(len(value))})
	t.bytes = append(append(t.bytes, name...), value...)
	t.size += length + entryOverhead
}

// evict removes the oldest entries until the table is no larger than size.
func (t *table) evict(size int) {
	gone := 0
	for ; t.size > size && gone < len(t.entries); gone++ {
		t.size -= t.entries[gone].size()
	}
	if gone > 0 {
		t.entries = t.entries[:copy(t.entries, t.entries[gone:])]
	}
}

// compact moves the used bytes to the front.
func (t *table) compact() {
	if len(t.entries) == 0 {
		t.bytes = t.bytes[:0]
		return
	}
	first := t.entries[0].at
	t.bytes = t.bytes[:copy(t.bytes, t.bytes[first:])]
	for i := range t.entries {
		t.entries[i].at -= first
	}
}

// resize changes the limit.
func (t *table) resize(limit int) {
	t.limit = limit
	t.evict(limit)
}
