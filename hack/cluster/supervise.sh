#!/usr/bin/env bash
# supervise.sh COMMAND...: runs it, and again when it ends by itself, as a kubelet does with the programs of a control plane. A
# kube-scheduler relies on that: when it meets a contradiction it ends, to begin with a fresh view (such as a pod on another node
# than it was assumed on, after an API server was killed between carrying a binding out and saying so).
set -uo pipefail

trap 'kill "$child" 2>/dev/null; wait "$child"; exit 0' TERM INT
while :; do
	setpriv --pdeathsig KILL "$@" &
	child=$!
	wait "$child"
	echo "supervise: it has ended with $?, and is started again"
	sleep 1
done
