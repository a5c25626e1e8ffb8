# SPDX-License-Identifier: GPL-2.0-only
# Builds the initramfs of a test machine: busybox, our static programs, ss with its libraries, the modules.
# Sourced after common.sh and kernels.sh.
# shellcheck shell=bash
# shellcheck source=scripts/lib/common.sh

# add_program FOLDER PROGRAM: copies it and the shared libraries that it is linked with.
add_program() {
	local folder=$1 path library
	path=$(PATH=$PATH:/usr/sbin:/sbin command -v "$2") || return
	install -D "$path" "$folder/bin/$2" || return
	ldd "$path" 2>/dev/null | grep -oE '/[^ ]+' | while read -r library; do
		[ -e "$folder$library" ] || install -D "$library" "$folder$library"
	done
	return 0 # one that is static has no libraries
}

# add_binary FOLDER FILE TARGET: without debug information, which is most of its size.
add_binary() {
	mkdir -p "$1${3%/*}"
	strip --strip-debug -o "$1$3" "$2" 2>/dev/null || cp "$2" "$1$3"
	chmod 755 "$1$3"
}

# In the guest as on the host: sockeye, and beside it tests/ with live_tests and the load generators.
add_our_programs() {
	local folder=$1 built=$2 file
	[ ! -x "$built/sockeye" ] || add_binary "$folder" "$built/sockeye" /sockeye/sockeye
	for file in "$built"/tests/*; do
		[ -f "$file" ] && [ -x "$file" ] || continue
		case ${file##*/} in unit_tests | golden_tests | make_recording | core_benchmark) continue ;; esac
		add_binary "$folder" "$file" "/sockeye/tests/${file##*/}"
	done
}

# build_initramfs FOLDER OUTPUT: FOLDER already holds /command and what the caller added.
build_initramfs() {
	local folder=$1 output=$2 kernel=$3 program
	mkdir -p "$folder/bin" "$folder/etc" "$folder/modules"
	cp "$(command -v busybox)" "$folder/bin/busybox"
	for program in ss ip bpftool; do
		add_program "$folder" "$program" || {
			say "$program is not here, though its package is installed: see command -v $program"
			return 1
		}
	done
	cp "$kernel_cache/$kernel"/modules/*.ko "$folder/modules/"
	install -m 755 "$root/scripts/lib/guest_init" "$folder/init"
	echo 'root:x:0:0:root:/root:/bin/sh' >"$folder/etc/passwd"
	echo 'root:x:0:' >"$folder/etc/group"
	printf '127.0.0.1 localhost\n::1 localhost\n' >"$folder/etc/hosts"
	(cd "$folder" && find . -print0 | cpio --quiet --null -o -H newc -R 0:0) >"$output"
}
