# Completion of reverse-proxy(8) for fish.
# Written by go test ./deploy/manual -update from the tables of the program. Do not edit.

# The words that are neither flags nor their values: the command, and what follows it.
function __reverse_proxy_words
    set -l value no
    for word in (commandline -opc)[2..-1]
        if test $value = yes
            set value no
            continue
        end
        switch $word
            case --config --socket --for --max -X --from -H --listener
                set value yes
            case '-*'
            case '*'
                printf '%s\n' $word
        end
    end
end

# Reports whether one of the arguments is the command that was typed. "" is not a command.
function __reverse_proxy_command
    set -l words (__reverse_proxy_words)
    contains -- "$words[1]" $argv
end

# Whether a command was typed with a number of words after it.
function __reverse_proxy_operand
    set -l words (__reverse_proxy_words)
    test "$words[1]" = $argv[1]; and test (count $words) -eq (math $argv[2] + 1)
end

# The hosts in the configuration that the command line names.
function __reverse_proxy_hosts
    set -l words (commandline -opc)
    set -l config
    for i in (seq (count $words))
        switch $words[$i]
            case --config
                set config $words[$i] $words[(math $i + 1)]
            case '--config=*'
                set config $words[$i]
        end
    end
    $words[1] hosts $config 2>/dev/null
end

complete -c reverse-proxy -f
complete -c reverse-proxy -n '__reverse_proxy_command ""' -a check -d 'check the configuration as --validate does, and exit'
complete -c reverse-proxy -n '__reverse_proxy_command ""' -a reload -d 'make the running proxy read its configuration again, and show what that changed'
complete -c reverse-proxy -n '__reverse_proxy_command ""' -a status -d 'show what the running proxy is doing'
complete -c reverse-proxy -n '__reverse_proxy_command ""' -a diff -d 'show what a reload of the configuration as it is now would change, and change nothing'
complete -c reverse-proxy -n '__reverse_proxy_command ""' -a reopen -d 'make the running proxy open its log file again, after logrotate has renamed it'
complete -c reverse-proxy -n '__reverse_proxy_command ""' -a maintenance -d 'answer a site\'s requests with 503 until off, or for the time of --for'
complete -c reverse-proxy -n '__reverse_proxy_command ""' -a pause -d 'let a site\'s requests wait while its application restarts, until resume'
complete -c reverse-proxy -n '__reverse_proxy_command ""' -a resume -d 'let the requests for a paused site go on'
complete -c reverse-proxy -n '__reverse_proxy_command ""' -a drain -d 'send no new requests to an upstream of a site, until undrain'
complete -c reverse-proxy -n '__reverse_proxy_command ""' -a undrain -d 'let a drained upstream get requests again'
complete -c reverse-proxy -n '__reverse_proxy_command ""' -a explain -d 'show what would become of a request, without sending it'
complete -c reverse-proxy -n '__reverse_proxy_command ""' -a hosts -d 'list the hosts and aliases in the configuration, one a line; nothing else in it is checked'
complete -c reverse-proxy -n '__reverse_proxy_operand maintenance 0' -a '(__reverse_proxy_hosts)'
complete -c reverse-proxy -n '__reverse_proxy_operand maintenance 1' -a 'on off'
complete -c reverse-proxy -n '__reverse_proxy_operand pause 0' -a '(__reverse_proxy_hosts)'
complete -c reverse-proxy -n '__reverse_proxy_operand resume 0' -a '(__reverse_proxy_hosts)'
complete -c reverse-proxy -n '__reverse_proxy_operand drain 0' -a '(__reverse_proxy_hosts)'
complete -c reverse-proxy -n '__reverse_proxy_operand drain 1' -a ''
complete -c reverse-proxy -n '__reverse_proxy_operand undrain 0' -a '(__reverse_proxy_hosts)'
complete -c reverse-proxy -n '__reverse_proxy_operand undrain 1' -a ''
complete -c reverse-proxy -n '__reverse_proxy_operand explain 0' -a ''
complete -c reverse-proxy -n '__reverse_proxy_command "" "check" "reload" "status" "diff" "reopen" "maintenance" "pause" "resume" "drain" "undrain" "explain" "hosts"' -l config -r -F -d 'the configuration file (default /etc/reverse-proxy/config.toml)'
complete -c reverse-proxy -n '__reverse_proxy_command "reload" "status" "diff" "reopen" "maintenance" "pause" "resume" "drain" "undrain" "explain"' -l socket -r -F -d 'the admin socket (default: the configuration\'s admin_socket_path)'
complete -c reverse-proxy -n '__reverse_proxy_command ""' -l validate -d 'check the configuration, report every error, warn of probable mistakes, and exit'
complete -c reverse-proxy -n '__reverse_proxy_command "" "check"' -l allow-wildcard-bind -d 'permit 0.0.0.0 and :: as bind addresses'
complete -c reverse-proxy -n '__reverse_proxy_command "maintenance"' -l for -x -d 'end the maintenance after this time, as in 90s, 10m or 2h (default: not before off)'
complete -c reverse-proxy -n '__reverse_proxy_command "pause"' -l max -x -d 'end the pause after this time at the latest (default 30s, at most 10m)'
complete -c reverse-proxy -n '__reverse_proxy_command "explain"' -s X -x -d 'the method of the request to explain (default GET)'
complete -c reverse-proxy -n '__reverse_proxy_command "explain"' -l from -x -d 'the address of the client (default an example, 192.0.2.1)'
complete -c reverse-proxy -n '__reverse_proxy_command "explain"' -s H -x -d 'a header field of the request, as in \'Cookie: a=b\'; may be repeated'
complete -c reverse-proxy -n '__reverse_proxy_command "explain"' -l listener -x -d 'the listener, if several with the same port serve the host, as in 192.0.2.1:443'
complete -c reverse-proxy -n '__reverse_proxy_command "check" "reload" "status" "diff" "reopen" "maintenance" "pause" "resume" "drain" "undrain" "explain"' -l json -d 'print JSON, the default if stdout is not a terminal; check prints text without it'
complete -c reverse-proxy -n '__reverse_proxy_command "reload" "status" "diff" "reopen" "maintenance" "pause" "resume" "drain" "undrain" "explain"' -l text -d 'print text for people, the default on a terminal'
complete -c reverse-proxy -n '__reverse_proxy_command "status"' -l watch -d 'print the status again every 2 seconds, until Ctrl-C'
complete -c reverse-proxy -n '__reverse_proxy_command "" "check" "reload" "status" "diff" "reopen" "maintenance" "pause" "resume" "drain" "undrain" "explain" "hosts"' -l version -d 'print version, revision and Go version'
complete -c reverse-proxy -n '__reverse_proxy_command "" "check" "reload" "status" "diff" "reopen" "maintenance" "pause" "resume" "drain" "undrain" "explain" "hosts"' -l help -d 'print this help'
