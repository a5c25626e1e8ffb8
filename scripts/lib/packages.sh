# SPDX-License-Identifier: GPL-2.0-only
# The Debian packages that the scripts need, by purpose, and how missing ones are installed.
# Nothing is run and nothing is printed when all are there. Sourced after common.sh.
# shellcheck shell=bash

# shellcheck disable=SC2034 # read by the scripts that source this
build_packages=(
	clang llvm bpftool libbpf-dev libelf-dev libdw-dev zlib1g-dev libzstd-dev liblzma-dev libbz2-dev libcli11-dev libspdlog-dev libfmt-dev
	libncurses-dev nlohmann-json3-dev catch2 cmake ninja-build g++ pkg-config linux-libc-dev
)
# shellcheck disable=SC2034
test_packages=(
	iproute2 strace curl python3 procps tmux
)
# shellcheck disable=SC2034
kernel_packages=(
	qemu-system-x86 busybox-static bpftool cpio kmod iproute2 xz-utils zstd debian-archive-keyring apt
)
# shellcheck disable=SC2034
bench_packages=(
	libbenchmark-dev libbpf-tools bpftrace strace linux-perf
)

# shellcheck disable=SC2034
fuzz_packages=(
	clang-16 libclang-rt-16-dev
)

# missing_packages NAME...: prints those that are not installed.
missing_packages() {
	local name installed
	installed=" $(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
		sed -n 's/^installed //p' | tr '\n' ' ')"
	for name in "$@"; do
		case $installed in *" $name "*) ;; *) printf '%s\n' "$name" ;; esac
	done
}

apt_install() {
	# The lock: another apt may be at work (a fresh machine's own upgrade); wait for it, bounded.
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
		-o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 install "$@"
}

apt_update() { as_root apt-get -q -o DPkg::Lock::Timeout=300 update; }

# A fresh machine has no package lists, and an old one has lists of versions that are gone.
apt_install_fresh() {
	apt_install "$@" && return
	apt_update && apt_install "$@"
}

# need_packages NAME...: installs what is missing.
need_packages() {
	local names missing=()
	names=$(missing_packages "$@") || die "could not ask dpkg which packages are installed"
	[ -z "$names" ] && return
	mapfile -t missing <<<"$names"
	command -v apt-get >/dev/null || die "these packages are missing, and there is no apt-get: ${missing[*]}"
	say "installing ${missing[*]}"
	quietly "apt-get install" apt_install_fresh "${missing[@]}" ||
		die "could not install: ${missing[*]}"
}
