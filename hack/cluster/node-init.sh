#!/usr/bin/env bash
# The first process of the real node, in process, mount and network namespaces of
# its own: when it ends, the kernel ends all others in them, and with the last one
# go the mounts, the network devices and the packet filter's rules.
#
#   node-init.sh FOLDER    FOLDER/ready appears when the rest of the node may start
set -euo pipefail

# Volumes may propagate between the node and its pods, but never to the host.
mount --make-rshared /

# What the node's programs keep at fixed places.
for dir in /run /var/lib /var/log; do
	mount -t tmpfs -o mode=755 node "$dir"
done
mkdir -p /run/lock /run/netns /run/sysctl

# The kubelet wants these values of the whole machine. It sees them here.
while read -r name value; do
	echo "$value" >"/run/sysctl/${name//\//.}"
	mount --bind "/run/sysctl/${name//\//.}" "/proc/sys/$name"
done <<-END
	vm/overcommit_memory 1
	vm/panic_on_oom 0
	kernel/panic 10
	kernel/panic_on_oops 1
	kernel/keys/root_maxkeys 1000000
	kernel/keys/root_maxbytes 25000000
END

ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward

touch "$1/ready"
# Containers' shims become children of this process; waiting collects them.
while :; do
	sleep infinity &
	wait $! || true
done
