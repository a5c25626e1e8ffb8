# SPDX-License-Identifier: GPL-2.0-only
# Configures and builds a preset, only as far as something changed. Sourced after common.sh.
# shellcheck shell=bash

configured() {
	[ -e "$1/build.ninja" ] && grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$1/CMakeCache.txt"
}

build_preset() {
	local preset=$1
	shift
	if ! configured "$root/build/$preset"; then
		(cd "$root" && cmake --fresh --preset "$preset") || return
	fi
	NINJA_STATUS='[%f/%t] ' ninja -C "$root/build/$preset" "$@"
}

# build PRESET TARGET...: two scripts may build at once, so the build folder is locked meanwhile.
build() {
	local preset=$1 folder=$root/build/$1
	need_writable "$folder"
	(
		flock 9
		quietly "building ($preset)" build_preset "$@"
	) 9>"$folder/.lock" || die "the build ($preset) failed"
}
