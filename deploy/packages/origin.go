package main

// The origin of the packages, which both kinds and their changelogs name. The project has no address and no site of its own:
// a distributor fills in theirs here.
const (
	maintainer = "The reverse-proxy authors <root@localhost>"
	homepage   = "https://reverse-proxy.example/"
)
