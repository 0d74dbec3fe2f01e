// Package admin is the protocol of the admin socket (S-10): the commands and the JSON of their answers, the socket that
// receives them, the client that sends them, and the answers as text for people.
//
// It knows nothing of the daemon: functions that it is given carry out the commands, and it learns of the daemon's state only
// from what they return.
package admin
