# SPDX-License-Identifier: GPL-2.0-only
# Debian's cloud kernels for the virtual machines, fetched into a cache of our own, never installed.
# A kernel in the cache is vmlinuz, the modules that `ss` needs (unpacked, in load order), and `version`.
# Sourced after common.sh and private_apt.sh.
# shellcheck shell=bash
# shellcheck source=scripts/lib/private_apt.sh

kernel_cache=$cache/kernels
kernel_modules=(tcp_diag udp_diag unix_diag netlink_diag veth dummy)
kernel_layout=1      # goes up when the content of the cache changes: everything is fetched anew
kernel_fresh_days=7  # how long a cached kernel is taken for the newest of its series

# series NAME: the pattern of its package's version, and the Debian release that has it.
kernel_series() {
	case $1 in
	5.10) echo '5\.10\.[0-9]+-[0-9]+ bullseye' ;;
	6.1) echo '6\.1\.[0-9]+-[0-9]+ bookworm' ;;
	6.12) echo '6\.12\.[0-9.]+\+deb13(\.[0-9]+)? trixie' ;;
	newest) echo '[0-9.]+\+deb13(\.[0-9]+)? trixie-backports' ;;
	*) return 1 ;;
	esac
}

# newest-full is the newest kernel, booted with preempt=full. The slowest to test come first, so that all end at about
# the same time.
kernel_names=(6.1 6.12 newest newest-full 5.10)
kernel_base() { printf '%s\n' "${1%-full}"; }

# candidates NAME: package names and versions of that series, newest first.
candidates() {
	local pattern release names
	read -r pattern release <<<"$(kernel_series "$1")"
	mapfile -t names < <(private_apt apt-cache pkgnames linux-image- |
		grep -xE "linux-image-$pattern-cloud-amd64")
	[ ${#names[@]} -eq 0 ] && return
	private_apt apt-cache madison "${names[@]}" | tr -d ' ' |
		awk -F'|' -v r="$release" 'index($3, r "/") || index($3, r "-security/") { print $2, $1 }' |
		sort -rV | awk '{ print $2, $1 }'
}

# unpack_kernel NAME PACKAGE VERSION: newer packagings split the image into several packages of one version.
unpack_kernel() {
	local name=$1 package=$2 version=$3 work=$kernel_cache/$1.new parts release modules base index=10 module file
	rm -rf "$work"
	mkdir -p "$work/deb" "$work/x" "$work/modules"
	mapfile -t parts < <(private_apt apt-cache show "$package=$version" | sed -n 's/^Depends: //p' | head -n 1 |
		tr -d ' ' | tr ',|' '\n\n' | sed 's/(.*//' | grep -E '^linux-(binary|modules)-')
	(cd "$work/deb" && private_apt apt-get download "$package=$version" "${parts[@]/%/=$version}") || return
	for file in "$work"/deb/*.deb; do
		dpkg-deb -x "$file" "$work/x" || return
	done
	release=${package#linux-image-}
	modules=$(find "$work/x" -type d -path "*/lib/modules/$release" | head -n 1)
	file=$(find "$work/x" -type f -name 'vmlinuz*' | head -n 1)
	[ -n "$modules" ] && [ -n "$file" ] || return
	mv "$file" "$work/vmlinuz"
	base=${modules%/lib/modules/*}
	/sbin/depmod -b "$base" "$release" 2>/dev/null || return
	for module in "${kernel_modules[@]}"; do
		while read -r file; do
			index=$((index + 1))
			unpack_module "$file" "$work/modules" "$index" || return
		done < <(/sbin/modprobe -d "$base" -S "$release" --show-depends "$module" | sed -nE 's/^insmod ([^ ]+).*/\1/p')
	done
	# What the package's configuration says about preemption; the kernel itself tells where it can.
	{
		grep -hsE '^CONFIG_PREEMPT(_NONE|_VOLUNTARY|_LAZY|_DYNAMIC|)=y' "$work"/x/boot/config-* || true
	} >"$work/preempt"
	rm -rf "$work/x" "$work/deb"
	printf '%s %s\n' "${version%-*}" "$release" >"$work/version"
	echo "$kernel_layout" >"$work/layout"
	rm -rf "${kernel_cache:?}/$name"
	mv "$work" "$kernel_cache/$name"
}

# unpack_module FILE FOLDER INDEX: plain .ko, numbered in load order, each module once.
unpack_module() {
	local name=${1##*/}
	name=${name%%.ko*}
	compgen -G "$2/*-$name.ko" >/dev/null && return
	case $1 in
	*.xz) xz -dc "$1" ;;
	*.zst) zstd -dc "$1" ;;
	*) cat "$1" ;;
	esac >"$2/$3-$name.ko"
}

fetch_kernel() {
	local name=$1 package version tried=0
	while read -r package version; do
		if [ "$(cat "$kernel_cache/$name/version" 2>/dev/null)" = "${version%-*} ${package#linux-image-}" ] &&
			[ "$(cat "$kernel_cache/$name/layout")" = "$kernel_layout" ]; then
			touch "$kernel_cache/$name/version"
			return
		fi
		unpack_kernel "$name" "$package" "$version" && return
		rm -rf "${kernel_cache:?}/$name.new"
		tried=$((tried + 1))
		[ $tried -ge 3 ] && break
	done < <(candidates "$name")
	say "no kernel $name could be fetched ($tried tried)"
	return 1
}

kernel_is_cached() {
	[ "$(cat "$kernel_cache/$1/layout" 2>/dev/null)" = "$kernel_layout" ] && [ -s "$kernel_cache/$1/vmlinuz" ]
}

kernel_is_fresh() {
	kernel_is_cached "$1" && [ -n "$(find "$kernel_cache/$1/version" -mtime "-$kernel_fresh_days" 2>/dev/null)" ]
}

# fetch_kernels NAME...: needs an index (update_index).
fetch_kernels() {
	local name code=0
	for name in "$@"; do
		fetch_kernel "$name" || kernel_is_cached "$name" || code=1
	done
	return $code
}

# stale_kernels NAME...: prints those that are to be fetched; an old cached kernel is good enough when no newer one can be.
stale_kernels() {
	local name base
	for name in "$@"; do
		base=$(kernel_base "$name")
		kernel_is_fresh "$base" || printf '%s\n' "$base"
	done | sort -u
}
