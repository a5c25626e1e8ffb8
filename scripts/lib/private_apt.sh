# SPDX-License-Identifier: GPL-2.0-only
# An apt with its own sources list and state, so the host's configuration stays as it is: it finds and downloads
# packages of other Debian releases on the mirrors that the host uses. Nothing is installed with it.
# Sourced after common.sh.
# shellcheck shell=bash
# shellcheck source=scripts/lib/common.sh

apt_state=$cache/apt

private_apt() {
	local command=$1 state=$apt_state
	shift
	"$command" -q -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=- \
		-o Dir::State="$state" -o Dir::State::lists="$state/lists" -o Dir::State::status=/var/lib/dpkg/status \
		-o Dir::Cache="$state" -o Dir::Cache::archives="$state/archives" -o APT::Sandbox::User= \
		-o APT::Architecture=amd64 -o APT::Architectures=amd64 -o Acquire::Languages=none "$@"
}

# mirrors: prints "URI suite sourcesfile" of each repository that the host's apt knows, whatever the format
# of its sources; works before the first `apt-get update`, too.
mirrors() {
	# shellcheck disable=SC2016 # apt's own variables
	apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE) $(SOURCESENTRY)' \
		'Created-By: Packages' 2>/dev/null | sort -u
}

# write_sources FILE: the releases that hold our kernels and the emulator, on the host's mirrors of Debian and of its
# security updates.
write_sources() {
	local codename main security keys file
	codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
	main=$(mirrors | awk -v c="$codename" '$2 == c { print $1; exit }')
	security=$(mirrors | awk -v c="$codename-security" '$2 == c { print $1; exit }')
	[ -n "$main" ] || {
		say "apt's sources name no mirror of Debian $codename"
		return 1
	}
	# Older and newer releases are signed with other keys; the keyring package has them all.
	keys=/usr/share/keyrings/debian-archive-keyring.gpg
	while read -r _ _ file; do
		keys="$keys $(sed -nE 's/.*[Ss]igned-[Bb]y[=:][[:space:]]*(\/[^] ]+).*/\1/p' "${file%:*}" 2>/dev/null)"
	done < <(mirrors | grep -E " $codename(-security)? ")
	keys=$(printf '%s\n' $keys | sort -u | while read -r file; do [ -e "$file" ] && echo "$file"; done | paste -sd,)
	{
		for release in bullseye bookworm bookworm-backports trixie trixie-backports; do
			echo "deb [signed-by=$keys] $main $release main"
		done
		for release in bullseye bookworm trixie; do
			[ -z "$security" ] || echo "deb [signed-by=$keys] $security $release-security main"
		done
	} >"$1"
}

# update_index: "Some index files failed to download" of one release must not lose the kernels of the others.
update_index() {
	local state=$apt_state
	mkdir -p "$state/lists/partial" "$state/archives/partial"
	write_sources "$state/sources.list" || return
	private_apt apt-get update || say "some package indexes could not be read"
}

# forget_index: the indexes are large, and nothing of them is needed until the next refresh.
forget_index() { rm -rf "${apt_state:?}"; }
