package access

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// bcryptLine is the line of a user whose password is "open sesame".
const bcryptLine = "ann:$2a$04$OkPOOsZoak9bVOk0tBS./OmNZwJmQLc7GcExVuaycOtRPRYUZyhhG"

// bcryptOf returns a hash of the lowest cost.
func bcryptOf(t testing.TB, password string) string {
	t.Helper()
	made, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(made)
}

// usersOf parses a password file that must be valid.
func usersOf(t testing.TB, text string) *Users {
	t.Helper()
	users, faults := ParseUsers([]byte(text))
	if len(faults) > 0 {
		t.Fatalf("got the errors %v", faults)
	}
	return users
}

func TestAPasswordFileMayHaveCommentsAndEmptyLines(t *testing.T) {
	users := usersOf(t, "# the staff\r\n\r\nann:"+bcryptOf(t, "a")+"\r\n   \n#bob:x\nb\u00e9a:"+bcryptOf(t, "b:c")+" \n")
	for _, test := range []struct {
		user, password string
		want           bool
	}{
		{"ann", "a", true}, {"ann", "A", false}, {"ann", "", false}, {"Ann", "a", false},
		{"b\u00e9a", "b:c", true}, {"b\u00e9a", "a", false},
		{"#bob", "x", false}, {"", "a", false}, {"nobody", "a", false},
	} {
		if got := users.match(nil, test.user, test.password); got != test.want {
			t.Errorf("%s with %q: got %v, want %v", test.user, test.password, got, test.want)
		}
	}
	if users.Len() != 2 || !users.Has("ann") || users.Has("#bob") {
		t.Errorf("got %d users, want ann and b\u00e9a", users.Len())
	}
}

func TestArgon2idHashesOfTheReferenceImplementation(t *testing.T) {
	// From the argon2 command: echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 -l 24 -e, and so on (its test.c).
	for _, hash := range []string{
		"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
		"$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
	} {
		users := usersOf(t, "ann:"+hash+"\n")
		if !users.match(nil, "ann", "password") || users.match(nil, "ann", "differentpassword") {
			t.Errorf("%s: the password does not match, or another one does", hash)
		}
	}
}

func TestOtherHashesAreRefusedByNameAndLine(t *testing.T) {
	good := bcryptOf(t, "a")
	for _, test := range []struct{ line, want string }{
		{"bob:$apr1$abc$def", "the MD5 hash of Apache (apr1) is not accepted"},
		{"bob:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "a SHA-1 hash is not accepted"},
		{"bob:secret", "a password that is not hashed is not accepted"},
		{"bob:rqXexS6ZhobKA", "a DES hash (crypt), or a password that is not hashed, is not accepted"},
		{"bob:", "an empty password is not accepted"},
		{"bob:$1$a$b", "an MD5 hash"}, {"bob:$5$a$b", "a SHA-256 hash"}, {"bob:$6$a$b", "a SHA-512 hash"}, {"bob:$y$a$b", "a yescrypt hash"}, {"bob:$7$a", "a scrypt hash"},
		{"bob:$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$x", "another variant of argon2"},
		{"bob:$2$05$" + good[7:], "old, faulty variant of bcrypt"}, {"bob:$2x$05$" + good[7:], "old, faulty variant of bcrypt"},
		{"bob:$pbkdf2$x", "a hash of an unknown kind"},
		{"bob:" + good[:59], "the bcrypt hash is damaged"}, {"bob:" + good + "x", "the bcrypt hash is damaged"}, {"bob:" + good[:20] + "!" + good[21:], "the bcrypt hash is damaged"},
		{"bob:$2y$99$" + good[7:], "the bcrypt hash is damaged"},
		{"bob:$2y$15$" + good[7:], "the bcrypt cost 15 takes seconds for each password; create the hash again with a cost of at most 14"},
		{"bob:$argon2id$v=19$m=262144,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "takes too much memory"},
		{"bob:$argon2id$v=19$m=65536,t=99,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "takes seconds"},
		{"bob:$argon2id$v=19$m=65536,t=4294967295,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "takes seconds"},
		{"bob:$argon2id$v=19$m=65536,t=1,p=99$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "too many processors"},
		{"bob:$argon2id$v=16$m=65536,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "damaged"},
		{"bob:$argon2id$v=19$m=65536,t=0,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "damaged"},
		{"bob:$argon2id$v=19$m=65536,t=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "damaged"},
		{"bob:$argon2id$v=19$m=65536,t=1,p=1$c2$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "damaged"},
		{"bob:$argon2id$v=19$m=65536,t=1,p=1$c29tZXNhbHQ$", "damaged"},
		{"bob", "has no colon"}, {":" + good, "has no user"}, {"b\x01b:" + good, "not text in UTF-8"}, {"b\xffb:" + good, "not text in UTF-8"},
		{strings.Repeat("b", 256) + ":" + good, "at most 255"}, {"ann:" + good, "the user is in line 2 already"},
	} {
		_, faults := ParseUsers([]byte("# comment\nann:" + good + "\n\n" + test.line + "\n"))
		if len(faults) != 1 || !strings.HasPrefix(faults[0].Error(), "line 4: ") || !strings.Contains(faults[0].Error(), test.want) {
			t.Errorf("%.40q: got %q, want line 4 with %q", test.line, faults, test.want)
		}
		if _, hash, _ := strings.Cut(test.line, ":"); len(hash) > 5 && strings.Contains(fmt.Sprint(faults), hash) {
			t.Errorf("%.40q: the error %q shows the hash", test.line, faults)
		}
	}
}

func TestEveryLineIsReported(t *testing.T) {
	_, faults := ParseUsers([]byte("a:x\nb:$apr1$\nc\n"))
	if len(faults) != 3 || !strings.HasPrefix(faults[2].Error(), "line 3: ") {
		t.Errorf("got %q, want an error for each of three lines", faults)
	}
	for _, empty := range []string{"", "\n# nobody\n"} {
		if _, faults := ParseUsers([]byte(empty)); len(faults) != 1 || !strings.Contains(faults[0].Error(), "has no user") {
			t.Errorf("%q: got %q, want that there is no user", empty, faults)
		}
	}
}

// countingHash counts how often a password was compared.
type countingHash struct{ compared *int }

func (h countingHash) matches(string) bool { *h.compared++; return true }

func TestAnUnknownUserCostsWhatAKnownOneDoes(t *testing.T) {
	var compared [2]int
	users := &Users{byName: map[string]int{"ann": 0, "bob": 1}, hashes: []hashed{countingHash{&compared[0]}, countingHash{&compared[1]}}}
	if !users.match([]byte("secret"), "ann", "") || compared != [2]int{1, 0} {
		t.Errorf("got %v comparisons, want one with the hash of ann", compared)
	}
	for i := range 200 {
		name := fmt.Sprint("nobody", i)
		before := compared
		if users.match([]byte("secret"), name, "") {
			t.Fatalf("%s, who does not exist, has a password", name)
		}
		after := compared
		users.match([]byte("secret"), name, "")
		if after[0]+after[1] != before[0]+before[1]+1 || after[0]-before[0] != compared[0]-after[0] {
			t.Fatalf("%s: got %v comparisons, then %v, then %v; want one each time, with the same hash", name, before, after, compared)
		}
	}
	if compared[0] < 100 || compared[1] < 100 {
		t.Errorf("got %v comparisons; names that do not exist always take the time of the same user", compared)
	}
}

func TestCredentialsOfBasicAuthentication(t *testing.T) {
	for _, test := range []struct {
		field string
		want  Credentials
		ok    bool
	}{
		{"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", Credentials{"Aladdin", "open sesame"}, true},
		{"basic  QWxhZGRpbjpvcGVuIHNlc2FtZQ== ", Credentials{"Aladdin", "open sesame"}, true},
		{"BASIC dGVzdDoxMjPCow==", Credentials{"test", "123\u00a3"}, true},
		{"Basic YTpiOmM=", Credentials{"a", "b:c"}, true},
		{"Basic Og==", Credentials{"", ""}, true},
		{"Basic YQ==", Credentials{"a", ""}, false},
		{"Basic", Credentials{}, false}, {"Basic ", Credentials{}, false}, {"Basic !!", Credentials{}, false},
		{"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ", Credentials{}, false},
		{"Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==", Credentials{}, false}, {"", Credentials{}, false},
	} {
		if got, ok := ParseBasic(test.field); got != test.want || ok != test.ok {
			t.Errorf("%q: got %q %v, want %q %v", test.field, got, ok, test.want, test.ok)
		}
	}
}

func FuzzAPasswordFileIsReadOrRefused(f *testing.F) {
	for _, seed := range []string{bcryptLine, "", "a:b", "a:$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "#\n\n:\n", "a:$2y$\nb:$2y$04$", "a:$argon2id$$$$", "\xff:\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		users, faults := ParseUsers(text)
		if len(faults) == 0 && users.Len() == 0 {
			t.Error("a file without users is accepted")
		}
		for _, fault := range faults {
			if message := fault.Error(); len(message) > 400 || strings.ContainsAny(message, "\n\r\x00") {
				t.Errorf("got the message %q, want a short line", message)
			}
		}
	})
}
