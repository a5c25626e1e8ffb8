# SPDX-License-Identifier: GPL-2.0-only
# The emulator of the virtual machines. QEMU before version 10 now and then goes on running its translation of code
# that another CPU of the machine has patched meanwhile: a breakpoint that the kernel has long replaced. A kernel from
# 6.3 on dies of that ("Oops: int3"), an older one spins. Tracepoints switched on and off under system calls end
# a machine on 7.2 within seconds; on 10.0 thousands of switches in 150 s did not. So a host with an older one
# gets a newer QEMU from its release's backports, unpacked into our cache beside the kernels, not installed: its
# libraries are those of the host's own QEMU package.
# Sourced after common.sh and private_apt.sh.
# shellcheck shell=bash
# shellcheck source=scripts/lib/private_apt.sh

emulator_cache=$cache/emulator
emulator_program=qemu-system-x86_64
emulator_least=10      # the major version that the machines want
emulator_ask_again=1   # days after which backports that gave none are asked again

# emulator_major PROGRAM...: its major version; nothing when it does not run.
emulator_major() { "$@" --version 2>/dev/null | sed -nE 's/^QEMU emulator version ([0-9]+)\..*/\1/p'; }

# find_emulator: sets `emulator`, the program with the words that make it find its firmware. Warns of one that kills machines.
find_emulator() {
	local major
	emulator=("$emulator_program")
	major=$(emulator_major "$emulator_program")
	[ "${major:-0}" -lt "$emulator_least" ] || return 0
	if [ -n "$(emulator_major "$emulator_cache/usr/bin/$emulator_program")" ]; then
		emulator=("$emulator_cache/usr/bin/$emulator_program" -L "$emulator_cache/usr/share/qemu"
			-L /usr/share/seabios)
		return 0
	fi
	[ -n "$major" ] || {
		say "$emulator_program does not run"
		return 1
	}
	say "QEMU $major: machines die now and then (version $emulator_least and later are known not to)"
}

emulator_is_stale() {
	local major
	[ -z "$(find "$emulator_cache.none" -mtime "-$emulator_ask_again" 2>/dev/null)" ] || return
	major=$(emulator_major "$emulator_program")
	[ "${major:-0}" -lt "$emulator_least" ] && [ -z "$(emulator_major "$emulator_cache/usr/bin/$emulator_program")" ]
}

# fetch_emulator: needs an index (update_index). The newest version in the backports of the host's release.
fetch_emulator() {
	local codename version work=$emulator_cache.new file
	codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
	version=$(private_apt apt-cache madison qemu-system-x86 | tr -d ' ' |
		awk -F'|' -v r="$codename-backports/" 'index($3, r) { print $2 }' | sort -rV | head -n 1)
	[ -n "$version" ] || {
		say "$codename-backports has no qemu-system-x86"
		return 1
	}
	rm -rf "$work"
	mkdir -p "$work/deb"
	(cd "$work/deb" && private_apt apt-get download "qemu-system-x86=$version" "qemu-system-data=$version") || return
	for file in "$work"/deb/*.deb; do
		dpkg-deb -x "$file" "$work" || return
	done
	rm -rf "$work/deb"
	[ -n "$(emulator_major "$work/usr/bin/$emulator_program")" ] || {
		"$work/usr/bin/$emulator_program" --version
		say "QEMU $version of $codename-backports does not run here"
		return 1
	}
	rm -rf "${emulator_cache:?}"
	mv "$work" "$emulator_cache"
}
