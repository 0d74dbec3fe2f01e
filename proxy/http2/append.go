package http2

import "encoding/binary"

// AppendHeader appends the header of a frame with a payload of the given length.
func AppendHeader(dst []byte, length int, kind Type, flags uint8, stream uint32) []byte {
	return append(dst, byte(length>>16), byte(length>>8), byte(length), byte(kind), flags,
		byte(stream>>24), byte(stream>>16), byte(stream>>8), byte(stream))
}

// AppendData appends a DATA frame.
func AppendData(dst []byte, stream uint32, data []byte, end bool) []byte {
	var flags uint8
	if end {
		flags = FlagEndStream
	}
	dst = AppendHeader(dst, len(data), TypeData, flags, stream)
	return append(dst, data...)
}

// AppendRSTStream appends a RST_STREAM frame.
func AppendRSTStream(dst []byte, stream uint32, code Code) []byte {
	dst = AppendHeader(dst, 4, TypeRSTStream, 0, stream)
	return binary.BigEndian.AppendUint32(dst, uint32(code))
}

// AppendWindowUpdate appends a WINDOW_UPDATE frame. Stream 0 means the connection.
func AppendWindowUpdate(dst []byte, stream, increment uint32) []byte {
	dst = AppendHeader(dst, 4, TypeWindowUpdate, 0, stream)
	return binary.BigEndian.AppendUint32(dst, increment)
}

// AppendPing appends a PING frame, or its acknowledgement if ack is set.
func AppendPing(dst []byte, data [8]byte, ack bool) []byte {
	var flags uint8
	if ack {
		flags = FlagAck
	}
	return append(AppendHeader(dst, 8, TypePing, flags, 0), data[:]...)
}

// AppendGoAway appends a GOAWAY frame. last is the highest stream that the sender has processed or may still process.
func AppendGoAway(dst []byte, last uint32, code Code) []byte {
	dst = AppendHeader(dst, 8, TypeGoAway, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, last)
	return binary.BigEndian.AppendUint32(dst, uint32(code))
}

// AppendSettings appends a SETTINGS frame.
func AppendSettings(dst []byte, settings ...Setting) []byte {
	dst = AppendHeader(dst, len(settings)*settingBytes, TypeSettings, 0, 0)
	for _, s := range settings {
		dst = binary.BigEndian.AppendUint16(dst, uint16(s.ID))
		dst = binary.BigEndian.AppendUint32(dst, s.Value)
	}
	return dst
}

// AppendSettingsAck appends the acknowledgement of the peer's SETTINGS.
func AppendSettingsAck(dst []byte) []byte { return AppendHeader(dst, 0, TypeSettings, FlagAck, 0) }

// FinishHeaders turns a header block into frames. The block was encoded after dst[at:], where HeaderBytes were left
// free for the header of a HEADERS frame. A block that does not fit into a frame of maxFrame bytes continues in
// CONTINUATION frames.
func FinishHeaders(dst []byte, at int, stream uint32, end bool, maxFrame int) []byte {
	var flags uint8
	if end {
		flags = FlagEndStream
	}
	length := len(dst) - at - HeaderBytes
	if length <= maxFrame {
		AppendHeader(dst[:at], length, TypeHeaders, flags|FlagEndHeaders, stream)
		return dst
	}
	// The last frame moves first, each to the place that leaves room for the headers before it.
	last := (length - 1) / maxFrame
	dst = append(dst, make([]byte, last*HeaderBytes)...)
	for i := last; i > 0; i-- {
		from, n := at+HeaderBytes+i*maxFrame, min(maxFrame, length-i*maxFrame)
		to := from + i*HeaderBytes
		copy(dst[to:to+n], dst[from:from+n])
		var flags uint8
		if i == last {
			flags = FlagEndHeaders
		}
		AppendHeader(dst[:to-HeaderBytes], n, TypeContinuation, flags, stream)
	}
	AppendHeader(dst[:at], maxFrame, TypeHeaders, flags, stream)
	return dst
}
