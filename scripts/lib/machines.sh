# SPDX-License-Identifier: GPL-2.0-only
# What a virtual machine is made of, beside the packages: kernels and the emulator, from the cache or fetched now.
# Sourced after common.sh and packages.sh.
# shellcheck shell=bash

libraries=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=scripts/lib/private_apt.sh
. "$libraries/private_apt.sh"
# shellcheck source=scripts/lib/kernels.sh
. "$libraries/kernels.sh"
# shellcheck source=scripts/lib/emulator.sh
. "$libraries/emulator.sh"

# fetch_parts KERNEL...: the kernels and, where it is stale, the emulator. Without a newer emulator the host's own
# has to do; find_emulator says so.
fetch_parts() {
	local code=0
	# Kernels can't do without an index; the host's emulator has to, then.
	update_index || return $(($# > 0))
	! emulator_is_stale || fetch_emulator || {
		rm -rf "$emulator_cache.new"
		touch "$emulator_cache.none"
	}
	[ $# -eq 0 ] || fetch_kernels "$@" || code=1
	forget_index
	return $code
}

# need_machines KERNEL...: what machines with these kernels need; sets `emulator`.
need_machines() {
	local name stale what
	for name in "$@"; do
		kernel_series "$(kernel_base "$name")" >/dev/null || die "unknown kernel $name; known: ${kernel_names[*]}"
	done
	need_writable "$kernel_cache"
	(
		# Another run may be fetching: look again when it is done.
		flock 9
		mapfile -t stale < <(stale_kernels "$@")
		what="${stale[*]:+kernels ${stale[*]}}"
		! emulator_is_stale || what="${what:+$what and }emulator"
		[ -z "$what" ] || quietly "fetching $what" fetch_parts ${stale[@]+"${stale[@]}"}
	) 9>"$kernel_cache/.lock" || die "could not fetch kernels"
	find_emulator || die "no emulator for the machines"
}
