package main

import (
	"encoding/binary"
	"fmt"
	"io"
)

// The numbers of the fields of connectrpc.conformance.v1 that are overridden.
const (
	// Of ServerCompatRequest.
	serverHTTPVersion = 2
	serverUseTLS      = 4
	// Of ServerCompatResponse.
	answerHost = 1
	answerPort = 2
	answerCert = 3
	// Of ClientCompatRequest.
	clientHTTPVersion = 2
	clientHost        = 6
	clientPort        = 7
	clientCert        = 8
)

// longestMessage bounds what is read. The runner's longest messages have a few hundred kilobytes.
const longestMessage = 64 << 20

// readMessage reads a message that is preceded by its length in four bytes. It returns io.EOF if there is none.
func readMessage(from io.Reader) ([]byte, error) {
	var prefix [4]byte
	if _, err := io.ReadFull(from, prefix[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(prefix[:])
	if size > longestMessage {
		return nil, fmt.Errorf("message of %d bytes: want %d at most", size, longestMessage)
	}
	message := make([]byte, size)
	if _, err := io.ReadFull(from, message); err != nil {
		return nil, fmt.Errorf("message of %d bytes: %w", size, err)
	}
	return message, nil
}

// writeMessage writes a message, preceded by its length.
func writeMessage(to io.Writer, message []byte) error {
	prefixed := binary.BigEndian.AppendUint32(nil, uint32(len(message)))
	_, err := to.Write(append(prefixed, message...))
	return err
}

// appendNumber and appendBytes append a field to a Protocol Buffers message. If a field occurs twice, the last value
// counts, so the appended field overrides the one in the message.
func appendNumber(message []byte, field, value uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(message, field<<3), value)
}

func appendBytes(message []byte, field uint64, value []byte) []byte {
	message = binary.AppendUvarint(message, field<<3|2)
	return append(binary.AppendUvarint(message, uint64(len(value))), value...)
}
