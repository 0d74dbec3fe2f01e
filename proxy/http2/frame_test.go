package http2

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

// frame returns the bytes of a frame.
func frame(kind Type, flags uint8, stream uint32, payload string) []byte {
	return append(AppendHeader(nil, len(payload), kind, flags, stream), payload...)
}

func TestTheHeaderOfAFrameIsReadInPlace(t *testing.T) {
	b := frame(TypeData, FlagEndStream, 1<<31|7, "abc")
	h, err := ParseHeader(b)
	if err != nil || h != (Header{Length: 3, Type: TypeData, Flags: FlagEndStream, Stream: 7}) {
		t.Errorf("got %+v %v, want DATA of 3 bytes on stream 7, without the reserved bit", h, err)
	}
	if _, err := ParseHeader(AppendHeader(nil, MaxFrameBytes+1, 0x77, 0, 1)); err == nil || err.Code != FrameSizeError || err.Stream != 0 {
		t.Errorf("a frame that is too long: got %v, want FRAME_SIZE_ERROR of the connection", err)
	}
}

// parse passes a frame to the parser for its type.
func parse(h Header, p []byte) (result string, err *Error) {
	switch h.Type {
	case TypeData:
		p, err = ParseData(h, p)
		return string(p), err
	case TypeHeaders:
		p, _, err = ParseHeaders(h, p)
		return string(p), err
	case TypeContinuation:
		p, err = ParseContinuation(h, p)
		return string(p), err
	case TypePriority:
		return "", CheckPriority(h, p)
	case TypeRSTStream:
		code, err := ParseRSTStream(h, p)
		return code.String(), err
	case TypePing:
		data, err := ParsePing(h, p)
		return string(data[:]), err
	case TypeGoAway:
		code, err := ParseGoAway(h, p)
		return code.String(), err
	case TypeWindowUpdate:
		n, err := ParseWindowUpdate(h, p)
		return strings.Repeat("+", int(min(n, 10))), err
	case TypePriorityUpdate:
		_, value, err := ParsePriorityUpdate(h, p)
		return value, err
	case TypeSettings:
		settings := DefaultPeerSettings()
		_, err := settings.Apply(h, p)
		return "", err
	}
	return "", nil
}

func TestFramesAreParsedAndChecked(t *testing.T) {
	tests := []struct {
		name    string
		kind    Type
		flags   uint8
		stream  uint32
		payload string
		want    string
		code    Code
		// ends is the stream that the error ends, or 0 for the connection.
		ends uint32
	}{
		{"DATA has its data", TypeData, 0, 1, "abc", "abc", NoError, 0},
		{"DATA may have no data", TypeData, 0, 1, "", "", NoError, 0},
		{"the padding of DATA is cut", TypeData, flagPadded, 1, "\x02abcXX", "abc", NoError, 0},
		{"DATA may be all padding", TypeData, flagPadded, 1, "\x03XXX", "", NoError, 0},
		{"DATA on stream 0 is refused", TypeData, 0, 0, "abc", "", ProtocolError, 0},
		{"DATA without its pad length is refused", TypeData, flagPadded, 1, "", "", FrameSizeError, 0},
		{"DATA with more padding than bytes is refused", TypeData, flagPadded, 1, "\x04abc", "", ProtocolError, 0},
		{"HEADERS has its block", TypeHeaders, 0, 1, "abc", "abc", NoError, 0},
		{"the padding and priority of HEADERS are cut", TypeHeaders, flagPadded | flagPriority, 1, "\x01\x00\x00\x00\x03\x10abcX", "abc", NoError, 0},
		{"HEADERS on stream 0 is refused", TypeHeaders, 0, 0, "abc", "", ProtocolError, 0},
		{"HEADERS without all of its priority is refused", TypeHeaders, flagPriority, 1, "\x00\x00\x00\x03", "", FrameSizeError, 0},
		{"CONTINUATION has its block", TypeContinuation, 0, 1, "abc", "abc", NoError, 0},
		{"CONTINUATION on stream 0 is refused", TypeContinuation, 0, 0, "abc", "", ProtocolError, 0},
		{"PRIORITY is accepted", TypePriority, 0, 1, "\x00\x00\x00\x03\x10", "", NoError, 0},
		{"PRIORITY on stream 0 is refused", TypePriority, 0, 0, "\x00\x00\x00\x03\x10", "", ProtocolError, 0},
		{"PRIORITY of 4 bytes is refused", TypePriority, 0, 5, "\x00\x00\x00\x03", "", FrameSizeError, 5},
		{"PRIORITY on itself is refused", TypePriority, 0, 3, "\x80\x00\x00\x03\x10", "", ProtocolError, 3},
		{"RST_STREAM has its code", TypeRSTStream, 0, 1, "\x00\x00\x00\x08", "CANCEL", NoError, 0},
		{"RST_STREAM may have an unknown code", TypeRSTStream, 0, 1, "\x00\x00\x00\xff", "code 255", NoError, 0},
		{"RST_STREAM on stream 0 is refused", TypeRSTStream, 0, 0, "\x00\x00\x00\x08", "", ProtocolError, 0},
		{"RST_STREAM of 3 bytes is refused", TypeRSTStream, 0, 1, "\x00\x00\x00", "", FrameSizeError, 0},
		{"PING has its data", TypePing, 0, 0, "12345678", "12345678", NoError, 0},
		{"PING on a stream is refused", TypePing, 0, 1, "12345678", "", ProtocolError, 0},
		{"PING of 7 bytes is refused", TypePing, 0, 0, "1234567", "", FrameSizeError, 0},
		{"GOAWAY has its code", TypeGoAway, 0, 0, "\x00\x00\x00\x00\x00\x00\x00\x02debug", "INTERNAL_ERROR", NoError, 0},
		{"GOAWAY on a stream is refused", TypeGoAway, 0, 1, "\x00\x00\x00\x00\x00\x00\x00\x02", "", ProtocolError, 0},
		{"GOAWAY of 7 bytes is refused", TypeGoAway, 0, 0, "1234567", "", FrameSizeError, 0},
		{"WINDOW_UPDATE has its increment", TypeWindowUpdate, 0, 0, "\x80\x00\x00\x02", "++", NoError, 0},
		{"WINDOW_UPDATE of 0 is refused", TypeWindowUpdate, 0, 0, "\x00\x00\x00\x00", "", ProtocolError, 0},
		{"WINDOW_UPDATE of 0 on a stream is refused", TypeWindowUpdate, 0, 9, "\x00\x00\x00\x00", "", ProtocolError, 9},
		{"WINDOW_UPDATE of 3 bytes is refused", TypeWindowUpdate, 0, 9, "\x00\x00\x00", "", FrameSizeError, 0},
		{"PRIORITY_UPDATE has its priority", TypePriorityUpdate, 0, 0, "\x00\x00\x00\x05u=1, i", "u=1, i", NoError, 0},
		{"PRIORITY_UPDATE on a stream is refused", TypePriorityUpdate, 0, 1, "\x00\x00\x00\x05u=1", "", ProtocolError, 0},
		{"PRIORITY_UPDATE for stream 0 is refused", TypePriorityUpdate, 0, 0, "\x00\x00\x00\x00u=1", "", ProtocolError, 0},
		{"PRIORITY_UPDATE of 3 bytes is refused", TypePriorityUpdate, 0, 0, "\x00\x00\x00", "", FrameSizeError, 0},
		{"SETTINGS is accepted", TypeSettings, 0, 0, "\x00\x04\x00\x00\x00\x01", "", NoError, 0},
		{"an unknown setting is ignored", TypeSettings, 0, 0, "\x77\x77\xff\xff\xff\xff", "", NoError, 0},
		{"SETTINGS on a stream is refused", TypeSettings, 0, 1, "", "", ProtocolError, 0},
		{"SETTINGS of 5 bytes is refused", TypeSettings, 0, 0, "12345", "", FrameSizeError, 0},
		{"an acknowledgement with a payload is refused", TypeSettings, FlagAck, 0, "123456", "", FrameSizeError, 0},
		{"SETTINGS_ENABLE_PUSH of 2 is refused", TypeSettings, 0, 0, "\x00\x02\x00\x00\x00\x02", "", ProtocolError, 0},
		{"a window over 2^31-1 is refused", TypeSettings, 0, 0, "\x00\x04\x80\x00\x00\x00", "", FlowControlError, 0},
		{"a frame size below 2^14 is refused", TypeSettings, 0, 0, "\x00\x05\x00\x00\x3f\xff", "", ProtocolError, 0},
		{"a frame size of 2^24 is refused", TypeSettings, 0, 0, "\x00\x05\x01\x00\x00\x00", "", ProtocolError, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := frame(test.kind, test.flags, test.stream, test.payload)
			h, err := ParseHeader(b)
			if err != nil {
				t.Fatal(err)
			}
			got, err := parse(h, b[HeaderBytes:])
			switch {
			case test.code != NoError:
				if err == nil || err.Code != test.code || err.Stream != test.ends {
					t.Errorf("got %q %+v, want %s of stream %d", got, err, test.code, test.ends)
				}
			case err != nil || got != test.want:
				t.Errorf("got %q %v, want %q", got, err, test.want)
			}
		})
	}
}

func TestAStreamThatDependsOnItselfIsReported(t *testing.T) {
	h := Header{Length: 6, Type: TypeHeaders, Flags: flagPriority, Stream: 3}
	if _, self, err := ParseHeaders(h, []byte("\x00\x00\x00\x03\x10a")); !self || err != nil {
		t.Errorf("got %v %v, want it reported", self, err)
	}
	if _, self, _ := ParseHeaders(h, []byte("\x00\x00\x00\x05\x10a")); self {
		t.Error("got a stream reported that depends on another one, want it accepted")
	}
}

func TestTheSettingsOfAClientAreApplied(t *testing.T) {
	settings := DefaultPeerSettings()
	p := AppendSettings(nil, Setting{SettingHeaderTableSize, 100}, Setting{SettingInitialWindowSize, 5},
		Setting{SettingInitialWindowSize, 7}, Setting{SettingMaxFrameSize, 1 << 20}, Setting{SettingMaxHeaderListSize, 1})
	h, _ := ParseHeader(p)
	if ack, err := settings.Apply(h, p[HeaderBytes:]); ack || err != nil || settings != (PeerSettings{100, 7, 1 << 20}) {
		t.Errorf("got %+v %v %v, want the last of each", settings, ack, err)
	}
	p = AppendSettingsAck(nil)
	h, _ = ParseHeader(p)
	if ack, err := settings.Apply(h, nil); !ack || err != nil {
		t.Errorf("got %v %v, want an acknowledgement", ack, err)
	}
}

// TestAppendedFramesAreReadByAnotherCodec reads the appended frames with the codec of x/net.
func TestAppendedFramesAreReadByAnotherCodec(t *testing.T) {
	var b []byte
	b = AppendData(b, 1, []byte("abc"), true)
	b = AppendRSTStream(b, 3, Cancel)
	b = AppendWindowUpdate(b, 0, 77)
	b = AppendPing(b, [8]byte{1, 2, 3, 4, 5, 6, 7, 8}, true)
	b = AppendGoAway(b, 9, EnhanceYourCalm)
	b = AppendSettings(b, Setting{SettingMaxConcurrentStreams, 250})
	b = AppendSettingsAck(b)
	at := len(b)
	b = append(b, make([]byte, HeaderBytes)...)
	block := bytes.Repeat([]byte("0123456789"), 10)
	b = FinishHeaders(append(b, block...), at, 5, true, 45)
	framer := http2.NewFramer(nil, bytes.NewReader(b))
	var got []string
	var headers []byte
	for {
		f, err := framer.ReadFrame()
		if err != nil {
			break
		}
		switch f := f.(type) {
		case *http2.HeadersFrame:
			headers = append(headers, f.HeaderBlockFragment()...)
			if !f.StreamEnded() || f.HeadersEnded() {
				t.Errorf("got %v, want HEADERS that end the stream but not the block", f)
			}
		case *http2.ContinuationFrame:
			headers = append(headers, f.HeaderBlockFragment()...)
		}
		got = append(got, f.Header().String())
	}
	want := []string{
		"[FrameHeader DATA flags=END_STREAM stream=1 len=3]", "[FrameHeader RST_STREAM stream=3 len=4]",
		"[FrameHeader WINDOW_UPDATE len=4]", "[FrameHeader PING flags=ACK len=8]", "[FrameHeader GOAWAY len=8]",
		"[FrameHeader SETTINGS len=6]", "[FrameHeader SETTINGS flags=ACK len=0]",
		"[FrameHeader HEADERS flags=END_STREAM stream=5 len=45]", "[FrameHeader CONTINUATION stream=5 len=45]",
		"[FrameHeader CONTINUATION flags=END_HEADERS stream=5 len=10]",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") || !bytes.Equal(headers, block) {
		t.Errorf("got the frames\n%s\nwant\n%s\nand the block whole", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestAnErrorHasItsCodeAndReason(t *testing.T) {
	for code, want := range map[Code]string{
		NoError: "NO_ERROR: x", ProtocolError: "PROTOCOL_ERROR: x", FlowControlError: "FLOW_CONTROL_ERROR: x",
		EnhanceYourCalm: "ENHANCE_YOUR_CALM: x",
	} {
		if got := connectionError(code, "x").Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestABlockThatFitsIsOneFrame(t *testing.T) {
	got := FinishHeaders(append(make([]byte, HeaderBytes), "abc"...), 0, 7, false, 3)
	if want := append(AppendHeader(nil, 3, TypeHeaders, FlagEndHeaders, 7), "abc"...); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

// TestABlockContinuesInFullFrames splits blocks of several lengths, after other output, into frames of 10 bytes.
func TestABlockContinuesInFullFrames(t *testing.T) {
	const most = 10
	for length := 1; length <= 5*most+1; length++ {
		block := make([]byte, length)
		for i := range block {
			block[i] = byte(i)
		}
		before := AppendPing(nil, [8]byte{}, true)
		got := FinishHeaders(append(append(before, make([]byte, HeaderBytes)...), block...), len(before), 7, true, most)
		want := bytes.Clone(before)
		for i, kind, flags := 0, TypeHeaders, uint8(FlagEndStream); i < length; i, kind, flags = i+most, TypeContinuation, 0 {
			part := block[i:min(i+most, length)]
			if i+most >= length {
				flags |= FlagEndHeaders
			}
			want = append(AppendHeader(want, len(part), kind, flags, 7), part...)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%d bytes: got %x, want %x", length, got, want)
		}
	}
}

func TestAPriorityIsParsed(t *testing.T) {
	tests := []struct {
		value string
		want  Priority
	}{
		{"", Priority{3, false}},
		{"u=0", Priority{0, false}},
		{"u=7, i", Priority{7, true}},
		{"i;x=1 ,\tu=1;y", Priority{1, true}},
		{"i=?0", Priority{3, false}},
		{"i=?1", Priority{3, true}},
		{"u=1,u=2", Priority{2, false}},
		{"u=8", Priority{3, false}},
		{"u=-1", Priority{3, false}},
		{"u", Priority{3, false}},
		{"a,,b=\"u=1\"", Priority{3, false}},
	}
	for _, test := range tests {
		if got := ParsePriority(test.value); got != test.want {
			t.Errorf("%q: got %+v, want %+v", test.value, got, test.want)
		}
	}
}

func FuzzFrames(f *testing.F) {
	f.Add(frame(TypeData, flagPadded, 1, "\x02abcXX"))
	f.Add(frame(TypeHeaders, flagPadded|flagPriority, 1, "\x01\x00\x00\x00\x03\x10abcX"))
	f.Add(frame(TypeSettings, 0, 0, "\x00\x04\x00\x00\x00\x01"))
	f.Add(frame(TypePriorityUpdate, 0, 0, "\x00\x00\x00\x05u=1, i"))
	f.Add(frame(TypeWindowUpdate, 0, 9, "\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) >= HeaderBytes {
			h, err := ParseHeader(b)
			if err != nil || len(b) < HeaderBytes+h.Length {
				return
			}
			result, err := parse(h, b[HeaderBytes:HeaderBytes+h.Length])
			if len(result) > max(h.Length, 40) {
				t.Fatalf("got %d bytes out of a payload of %d", len(result), h.Length)
			}
			if err != nil && err.Stream != 0 && err.Stream != h.Stream {
				t.Fatalf("got an error of stream %d for a frame on stream %d", err.Stream, h.Stream)
			}
			b = b[HeaderBytes+h.Length:]
		}
	})
}

func TestCheckOrder(t *testing.T) {
	for _, test := range []struct {
		name    string
		h       Header
		greeted bool
		block   uint32
		want    string
	}{
		{"SETTINGS may be first", Header{Type: TypeSettings}, false, 0, ""},
		{"PING must not be first", Header{Type: TypePing}, false, 0, "the first frame is not SETTINGS"},
		{"an acknowledgement must not be first", Header{Type: TypeSettings, Flags: FlagAck}, false, 0, "the first frame is not SETTINGS"},
		{"PING may come later", Header{Type: TypePing}, true, 0, ""},
		{"the rest of the block may follow", Header{Type: TypeContinuation, Stream: 3}, true, 3, ""},
		{"the rest of another block must not follow", Header{Type: TypeContinuation, Stream: 5}, true, 3, "a header block is interrupted"},
		{"PING within the block is refused", Header{Type: TypePing}, true, 3, "a header block is interrupted"},
	} {
		got := ""
		if err := CheckOrder(test.h, test.greeted, test.block); err != nil {
			if got = err.Reason; err.Stream != 0 || err.Code != ProtocolError {
				t.Errorf("%s: got %+v, want a protocol error of the connection", test.name, err)
			}
		}
		if got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}
