# SPDX-License-Identifier: GPL-2.0-only
# Sums what the suites say: each suite's line is printed as it ends, the total at the end.
# Sourced after common.sh.
# shellcheck shell=bash
# shellcheck source=scripts/lib/common.sh

# catch_counts LOG CODE: prints "PASSED FAILED SKIPPED" of a Catch2 run; a run without a summary has failed.
catch_counts() {
	awk -v code="$2" '
		/^All tests passed \(/ { for (i = 1; i < NF; i++) if ($(i + 1) ~ /^test$/) passed = $i; seen = 1 }
		/^test cases: / {
			n = split($0, part, "|")
			for (i = 2; i <= n; i++) {
				split(part[i], word, " ")
				if (word[2] == "passed") passed = word[1]
				else if (part[i] ~ /failed as expected/) passed += word[1]
				else if (word[2] == "failed") failed = word[1]
			}
			seen = 1
		}
		/^No tests ran/ || /^No test cases matched/ { seen = 1 }
		/^skipped tests: [0-9]+$/ { skipped = $3 }
		END {
			passed -= skipped < passed ? skipped : passed
			if ((!seen || code != 0) && failed == 0) failed = 1
			print passed + 0, failed + 0, skipped + 0
		}' "$1"
}

# counted PASSED FAILED SKIPPED: the words for it.
counted() {
	printf '%s passed, %s failed' "$1" "$2"
	[ "$3" -eq 0 ] || printf ', %s skipped' "$3"
}

# The results file has a line "PASSED FAILED SKIPPED" for each suite; several processes append to it.
add_result() { printf '%s %s %s\n' "$2" "$3" "$4" >>"$1"; }

sum_results() { awk '{ p += $1; f += $2; s += $3 } END { print p + 0, f + 0, s + 0 }' "$1"; }

# catch_filter WORDS...: a plain word is a part of a test's name; [tag], * and ~ are Catch2's own.
catch_filter() {
	local word
	for word in "$@"; do
		case $word in
		*[\[\]*~]*) printf '%s\n' "$word" ;;
		*) printf '*%s*\n' "$word" ;;
		esac
	done
}
