# shellcheck shell=bash
# The life of a cluster's processes. Sourced by ../cluster.sh.
#
# A process is known by DIR/run/PROGRAM.pid. Process ids are reused, so nothing is
# asked of or done to one whose command line does not name this very cluster.

# launch DIR PROGRAM ARGUMENT...: starts it detached from the caller.
launch() {
	local dir=$1 program=$2
	shift 2
	launch_command "$dir" "$program" "$BIN/$program" "$@"
}

# launch_command DIR PROGRAM WORD...: the same for any command that names DIR.
launch_command() {
	local dir=$1 program=$2
	shift 2
	(
		close_inherited
		exec setsid "$@" </dev/null >>"$dir/log/$program.log" 2>&1
	) &
	echo $! >"$dir/run/$program.pid"
	disown $!
	# Until it has become the program, its command line is still ours.
	within 5 alive "$dir" "$program" >/dev/null || true
}

# Whoever reads our output through a pipe waits until its last holder is gone,
# and a lock lasts as long as any copy of its descriptor.
close_inherited() {
	local fd
	for fd in /proc/self/fd/*; do
		fd=${fd##*/}
		[[ $fd -le 2 ]] || eval "exec $fd>&-"
	done
}

# alive DIR PROGRAM: prints its process id.
alive() {
	local pid
	[[ -f $1/run/$2.pid ]] && read -r pid <"$1/run/$2.pid" || return 1
	names_cluster "$pid" "$1" && echo "$pid"
}

# A process that has ended but was not collected has an empty command line.
names_cluster() {
	grep -zsqF -- "$2/" "/proc/$1/cmdline"
}

# end DIR PROGRAM [SIGNAL [SECONDS]]: ends it and waits until it is gone, with
# force once the seconds are over. A server keeps its port until then.
end() {
	local dir=$1 program=$2 signal=${3:-TERM} seconds=${4:-20} pid
	if pid=$(alive "$dir" "$program"); then
		kill -s "$signal" "$pid" 2>/dev/null || true
		if ! within "$seconds" gone "$dir" "$program"; then
			kill -s KILL "$pid" 2>/dev/null || true
			within 10 gone "$dir" "$program" || die "$program ($pid) does not end"
		fi
	fi
	rm -f "$dir/run/$program.pid"
}

gone() {
	! alive "$@" >/dev/null
}

# within SECONDS COMMAND...: repeats it until it succeeds.
within() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@"; do
		[[ $SECONDS -lt $deadline ]] || return 1
		sleep 0.1
	done
}

# await DIR PROGRAM SECONDS COMMAND...: waits for what the program shall bring
# about; if it does not, shows what the program had to say.
await() {
	local dir=$1 program=$2 deadline=$((SECONDS + $3)) failure=
	shift 3
	until "$@"; do
		if gone "$dir" "$program"; then
			failure="$program has ended"
		elif [[ $SECONDS -ge $deadline ]]; then
			failure="$program: too slow, '$1' is not true yet"
		else
			sleep 0.1
			continue
		fi
		log "$failure; the end of $dir/log/$program.log:"
		tail -n 20 "$dir/log/$program.log" >&2
		return 1
	done
}

# free_ports COUNT DIR...: prints the first of COUNT adjacent ports that nobody
# listens on and none of the clusters in DIR has taken. They lie below the range
# from which the kernel serves outgoing connections.
free_ports() {
	local count=$1 base tries=0
	local -A taken=()
	shift
	mark_taken "$@"
	while [[ $((tries += 1)) -le 200 ]]; do
		base=$((20000 + RANDOM % 1000 * 10))
		all_free "$base" "$count" && echo "$base" && return
	done
	die "no $count adjacent free ports between 20000 and 30000"
}

# Fills the caller's map.
mark_taken() {
	local hex dir base i
	while read -r hex; do
		taken[$((16#$hex))]=1
	done < <(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '$4 == "0A" { sub(/.*:/, "", $2); print $2 }')
	for dir in "$@"; do
		base=$(cat "$dir/port" 2>/dev/null) || continue
		for ((i = 0; i < PORTS; i++)); do taken[$((base + i))]=1; done
	done
}

all_free() {
	local port
	for ((port = $1; port < $1 + $2; port++)); do
		[[ -z ${taken[$port]:-} ]] || return 1
	done
}
