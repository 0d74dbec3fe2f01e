# Completion of reverse-proxy(8) for fish.
# Written by go test ./deploy/manual -update from the tables of the program. Do not edit.

# Whether one of the arguments is the command that was typed; "" is no command.
function __reverse_proxy_command
    set -l found ""
    set -l value no
    for word in (commandline -opc)[2..-1]
        if test $value = yes
            set value no
            continue
        end
        switch $word
            case --config --socket
                set value yes
            case check reload status diff reopen
                set found $word
        end
    end
    contains -- "$found" $argv
end

complete -c reverse-proxy -f
complete -c reverse-proxy -n '__reverse_proxy_command ""' -a check -d 'check the configuration as --validate does, and exit'
complete -c reverse-proxy -n '__reverse_proxy_command ""' -a reload -d 'make the running proxy read its configuration again, and show what that changed'
complete -c reverse-proxy -n '__reverse_proxy_command ""' -a status -d 'show what the running proxy is doing'
complete -c reverse-proxy -n '__reverse_proxy_command ""' -a diff -d 'show what a reload of the configuration as it is now would change, and change nothing'
complete -c reverse-proxy -n '__reverse_proxy_command ""' -a reopen -d 'make the running proxy open its log file anew, after logrotate has renamed it'
complete -c reverse-proxy -n '__reverse_proxy_command "" "check" "reload" "status" "diff" "reopen"' -l config -r -F -d 'the configuration file (default /etc/reverse-proxy/config.toml)'
complete -c reverse-proxy -n '__reverse_proxy_command "reload" "status" "diff" "reopen"' -l socket -r -F -d 'the admin socket (default: the configuration\'s admin_socket_path)'
complete -c reverse-proxy -n '__reverse_proxy_command ""' -l validate -d 'check the configuration, report every error, warn of probable mistakes, and exit'
complete -c reverse-proxy -n '__reverse_proxy_command "" "check"' -l allow-wildcard-bind -d 'permit 0.0.0.0 and :: as bind addresses'
complete -c reverse-proxy -n '__reverse_proxy_command "check" "reload" "status" "diff" "reopen"' -l json -d 'print JSON; diff, reload, reopen and status do so if stdout is not a terminal'
complete -c reverse-proxy -n '__reverse_proxy_command "reload" "status" "diff" "reopen"' -l text -d 'print text for people, the default on a terminal'
complete -c reverse-proxy -n '__reverse_proxy_command "status"' -l watch -d 'print the status again every 2 seconds, until Ctrl-C'
complete -c reverse-proxy -n '__reverse_proxy_command "" "check" "reload" "status" "diff" "reopen"' -l version -d 'print version, revision and Go version'
complete -c reverse-proxy -n '__reverse_proxy_command "" "check" "reload" "status" "diff" "reopen"' -l help -d 'print this help'
