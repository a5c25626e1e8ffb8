// SPDX-License-Identifier: GPL-2.0-only
// The one main() of all benchmark programs; `core_benchmark --benchmark_filter=json` runs a part.
#include <benchmark/benchmark.h>

BENCHMARK_MAIN();
