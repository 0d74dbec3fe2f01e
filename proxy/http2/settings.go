package http2

import "encoding/binary"

// SettingID names a setting.
type SettingID uint16

// These are the settings of RFC 9113, section 6.5.2, RFC 8441, section 3, and RFC 9218, section 2.1.
const (
	SettingHeaderTableSize       SettingID = 0x1
	SettingEnablePush            SettingID = 0x2
	SettingMaxConcurrentStreams  SettingID = 0x3
	SettingInitialWindowSize     SettingID = 0x4
	SettingMaxFrameSize          SettingID = 0x5
	SettingMaxHeaderListSize     SettingID = 0x6
	SettingEnableConnectProtocol SettingID = 0x8
	SettingNoRFC7540Priorities   SettingID = 0x9
)

// Setting is one setting.
type Setting struct {
	ID    SettingID
	Value uint32
}

const settingBytes = 6

// PeerSettings are the settings of a client that matter to a server.
type PeerSettings struct {
	// HeaderTableSize bounds the dynamic table that the server's encoder may use.
	HeaderTableSize uint32
	// InitialWindow is the initial window of the client's streams.
	InitialWindow int64
	// MaxFrame is the longest payload that the client accepts.
	MaxFrame int
}

// DefaultPeerSettings returns the settings of a client that has not sent any yet.
func DefaultPeerSettings() PeerSettings {
	return PeerSettings{HeaderTableSize: 4096, InitialWindow: InitialWindow, MaxFrame: 16 << 10}
}

// Apply applies the settings of a SETTINGS frame. If a setting occurs twice, the later value counts; unknown settings
// are ignored. ack reports whether the frame is an acknowledgement, which has no settings.
func (s *PeerSettings) Apply(h Header, p []byte) (ack bool, err *Error) {
	switch {
	case h.Stream != 0:
		return false, connectionError(ProtocolError, "SETTINGS on a stream")
	case h.Has(FlagAck):
		if len(p) != 0 {
			return false, connectionError(FrameSizeError, "an acknowledgement of SETTINGS has a payload")
		}
		return true, nil
	case len(p)%settingBytes != 0:
		return false, connectionError(FrameSizeError, "the length of SETTINGS is not a multiple of 6")
	}
	for ; len(p) > 0; p = p[settingBytes:] {
		value := binary.BigEndian.Uint32(p[2:])
		switch SettingID(binary.BigEndian.Uint16(p)) {
		case SettingHeaderTableSize:
			s.HeaderTableSize = value
		case SettingEnablePush, SettingEnableConnectProtocol, SettingNoRFC7540Priorities:
			if value > 1 {
				return false, connectionError(ProtocolError, "a setting that is 0 or 1 is neither")
			}
		case SettingInitialWindowSize:
			if value > MaxWindow {
				return false, connectionError(FlowControlError, "SETTINGS_INITIAL_WINDOW_SIZE is over 2^31-1")
			}
			s.InitialWindow = int64(value)
		case SettingMaxFrameSize:
			if value < 16<<10 || value > 1<<24-1 {
				return false, connectionError(ProtocolError, "SETTINGS_MAX_FRAME_SIZE is out of range")
			}
			s.MaxFrame = int(value)
		}
	}
	return false, nil
}
