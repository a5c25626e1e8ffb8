# SPDX-License-Identifier: GPL-2.0-only
# What every script needs: where things are, how to talk (stderr only; stdout belongs to the data),
# how to become root, and how to run something slow quietly. Sourced, never executed.
# shellcheck shell=bash

set -u -o pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/sockeye
readonly root cache

say() { printf '%s: %s\n' "${program:-sockeye}" "$*" >&2; }

die() {
	say "$*"
	exit 1
}

# need_writable FOLDER: makes it, or dies with what stands in the way and what helps.
need_writable() {
	local folder=$1 stands=$1 owner or=""
	mkdir -p "$folder" 2>/dev/null
	if [ -d "$folder" ]; then
		# What root has built there can't be built again by others, even if the folder is theirs.
		stands=$(find "$folder" -maxdepth 1 ! -writable \( -path "$folder" -o ! -user "$(id -u)" \) -print -quit)
		[ -n "$stands" ] || return 0
		or=" or remove it (sudo rm -r $folder): what is needed of it comes again"
	elif [ -e "$folder" ]; then
		die "cannot make the folder $folder: a file has that name; move it away (mv $folder $folder.old)"
	else
		while [ ! -e "$stands" ]; do stands=${stands%/*}; done
		folder=$stands
	fi
	owner=$(stat -c %U "$stands")
	[ "$owner" != "$(id -un)" ] ||
		die "cannot write $stands, though it is yours: allow it (chmod -R u+w $folder) or, on a read-only disk, work in a copy"
	die "cannot write $stands: it belongs to $owner; take it over (sudo chown -R $(id -un) $folder)$or"
}

# as_root COMMAND...: runs it as root, with the environment kept but for the user's folders: what root writes there
# (settings, caches) the user could not write any more.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo -E -H -- env "${no_user_folders[@]}" "$@"
	else
		die "root is needed for: $* (neither root nor sudo is here)"
	fi
}
no_user_folders=(-u XDG_CONFIG_HOME -u XDG_CACHE_HOME -u XDG_DATA_HOME -u XDG_STATE_HOME -u XDG_RUNTIME_DIR)

# exec_as_root COMMAND...: this script becomes it; signals and the exit code are the command's own.
exec_as_root() {
	[ "$(id -u)" -ne 0 ] || exec "$@"
	command -v sudo >/dev/null || die "sockeye needs root: run this as root, or install sudo"
	exec sudo -E -H -- env "${no_user_folders[@]}" "$@"
}

# watch_log WHAT LOG PARENT: after 2 s says that WHAT takes long, then, on a terminal, how far its log is.
watch_log() {
	local what=$1 log=$2 parent=$3 told="" line
	trap 'exit 0' TERM
	trap '' INT
	sleep 2 &
	wait $!
	while kill -0 "$parent" 2>/dev/null; do
		if [ -t 2 ]; then
			line=$(tail -c 300 "$log" 2>/dev/null | tr '\r' '\n' | tail -n 1 | cut -c 1-90)
			printf '\r\033[K%s … %s' "$what" "$line" >&2
		elif [ -z "$told" ]; then
			say "$what …"
		fi
		told=yes
		sleep 1 &
		wait $!
	done
}

# quietly WHAT COMMAND...: the command's output goes to a log that is shown only when it fails.
quietly() {
	local what=$1 file log watcher started=$SECONDS code
	shift
	file=$(mktemp "${TMPDIR:-/tmp}/sockeye-log.XXXXXX" 2>/dev/null) ||
		die "cannot write to ${TMPDIR:-/tmp}: name a folder that can be written (TMPDIR=FOLDER)"
	# It loses its name at once: however this ends, nothing stays behind.
	exec {log}<>"$file"
	rm -f "$file"
	watch_log "$what" "/dev/fd/$log" $$ &
	watcher=$!
	"$@" </dev/null >&"$log" 2>&1
	code=$?
	kill "$watcher" 2>/dev/null
	wait "$watcher" 2>/dev/null
	if [ $((SECONDS - started)) -ge 2 ] && [ -t 2 ]; then
		printf '\r\033[K' >&2
	fi
	if [ "$code" -ne 0 ]; then
		cat "/dev/fd/$log" >&2
		say "$what: failed with exit code $code"
	elif [ $((SECONDS - started)) -ge 10 ]; then
		say "$what: done in $((SECONDS - started)) s"
	fi
	exec {log}>&-
	return "$code"
}
