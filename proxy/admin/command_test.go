package admin

import (
	"bufio"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadAdminCommand(t *testing.T) {
	long := strings.Repeat("x", maxCommand)
	tests := []struct {
		name, input, want string
		wantErr           error
	}{
		{"a line is a command", "status\n", "status", nil},
		{"a carriage return before the line feed is not part of it", "reload\r\n", "reload", nil},
		{"only the first line is read", "status\nreload\n", "status", nil},
		{"spaces are kept", " status \n", " status ", nil},
		{"a command of the greatest length is read", long + "\n", long, nil},
		{"a command of the greatest length may end with a carriage return", long + "\r\n", long, nil},
		{"one byte more is invalid", long + "x\n", "", errInput},
		{"a line that goes on and on is invalid", strings.Repeat("x", 1<<20), "", errOverlong},
		{"an empty line is invalid", "\n", "", errInput},
		{"an empty line with a carriage return is invalid", "\r\n", "", errInput},
		{"a blank line is invalid", " \t \n", "", errInput},
		{"nothing is invalid", "", "", errInput},
		{"a line without an end is invalid", "status", "", errInput},
		{"a lone carriage return does not end a line", "status\r", "", errInput},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, r := range []*bufio.Reader{
				newReader(strings.NewReader(tt.input)),
				newReader(iotest.OneByteReader(strings.NewReader(tt.input))),
			} {
				got, err := readCommand(r)
				if got != tt.want || !errors.Is(err, tt.wantErr) {
					t.Errorf("got %.80q and error %v, want %.80q and %v", got, err, tt.want, tt.wantErr)
				}
				if err != nil && err.Error() != "invalid input" {
					t.Errorf("got message %q, want %q", err, "invalid input")
				}
			}
		})
	}
}

func TestUnknownAdminCommandIsClippedAndEscaped(t *testing.T) {
	tests := []struct{ name, command, want string }{
		{"a word is repeated as it is", "restart", "restart"},
		{"control characters are escaped", "a\x1b[31mb\x00\r", `a\x1b[31mb\x00\r`},
		{"quotes and backslashes are escaped", `say "hi" \`, `say \"hi\" \\`},
		{"letters outside of ASCII are escaped", "größe", `gr\u00f6\u00dfe`},
		{"bytes that are no text are escaped", "a\xff", `a\xff`},
		{"64 bytes are whole", strings.Repeat("x", 64), strings.Repeat("x", 64)},
		{"more is clipped", strings.Repeat("x", 65), strings.Repeat("x", 64) + "..."},
		{"a character is not cut in two", strings.Repeat("x", 63) + "öö", strings.Repeat("x", 63) + "..."},
		{"a text of only continuation bytes is clipped", strings.Repeat("\x80", 100), strings.Repeat(`\x80`, 64) + "..."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, want := unknownCommand(tt.command), "unknown command: "+tt.want; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// FuzzAdminCommand looks for a command whose answer is not one line of JSON, printable and short.
func FuzzAdminCommand(f *testing.F) {
	for _, seed := range []string{"", "status\n", "reload\r\n", "\n", "x\x00\xff\n", strings.Repeat("é", 50) + "\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		command, err := readCommand(newReader(strings.NewReader(string(input))))
		if err != nil {
			if !errors.Is(err, errInput) {
				t.Fatalf("error %v, want errAdminInput", err)
			}
			return
		}
		if len(command) > maxCommand || strings.Contains(command, "\n") {
			t.Fatalf("command of %d bytes %.80q, want one line of at most %d", len(command), command, maxCommand)
		}
		message := unknownCommand(command)
		if len(message) > len("unknown command: ...")+4*maxClip {
			t.Fatalf("message of %d bytes, want it clipped", len(message))
		}
		for _, c := range []byte(message) {
			if c < ' ' || c > '~' {
				t.Fatalf("message %q holds the byte %#x, want only printable ASCII", message, c)
			}
		}
		line, err := json.Marshal(refusal{Status: StatusError, Message: message})
		if err != nil || strings.Contains(string(line), "\n") {
			t.Fatalf("answer %q with error %v, want one line of JSON", line, err)
		}
	})
}
