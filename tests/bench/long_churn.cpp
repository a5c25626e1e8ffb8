// SPDX-License-Identifier: GPL-2.0-only
// long_churn [HOURS [CONNECTIONS_PER_SECOND]]: a day of a busy host, or so many hours, through pipeline, aggregator and
// JSON sinks as fast as they go, and a line for each simulated hour: what memory this process holds (the simulated host
// included) beside what the model holds. Ends with 1 if the last hour's memory is not the first hour's.
#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "base/unique_fd.h"
#include "sinks/json_sink.h"
#include "sinks/pipeline.h"
#include "sinks/snapshot_json.h"
#include "support/host_churn.h"

namespace {

using namespace sockeye;

double resident_mib() {
    std::FILE* const file = std::fopen("/proc/self/statm", "re");
    unsigned long size = 0, resident = 0;
    if (file == nullptr || std::fscanf(file, "%lu %lu", &size, &resident) != 2) std::abort();
    std::fclose(file);
    return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

double heap_mib() {
    const struct mallinfo2 heap = mallinfo2();
    return static_cast<double>(heap.uordblks + heap.hblkhd) / (1 << 20);
}

}  // namespace

int main(int argc, char** argv) {
    const int hours = argc > 1 ? std::atoi(argv[1]) : 24;
    const int connections = argc > 2 ? std::atoi(argv[2]) : 20;
    if (argc > 3 || hours < 2 || connections < 1) {
        std::fprintf(stderr, "usage: long_churn [HOURS [CONNECTIONS_PER_SECOND]]; two hours at least\n");
        return 2;
    }
    const UniqueFd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    Output output(null.get());
    JsonSink events(output);
    SnapshotJson snapshots(output, SnapshotJson::Layout::line);
    Aggregator aggregator;
    Pipeline pipeline(aggregator, {.events = &events, .snapshots = &snapshots, .moment = SnapshotMoment::each_tick});
    test::HostChurn churn({.connections = static_cast<unsigned>(connections)});
    pipeline.apply(churn.begin());

    std::printf("%5s %12s %9s %9s %8s %10s %7s %13s %6s\n", "hour", "events", "RSS, MiB", "heap, MiB", "sockets",
                "processes", "netns", "destinations", "wall s");
    const auto begin = std::chrono::steady_clock::now();
    double first_rss = 0, first_heap = 0, rss = 0, heap = 0;
    for (int hour = 1; hour <= hours; ++hour) {
        for (int second = 0; second < 3600; ++second) pipeline.apply(churn.second());
        rss = resident_mib();
        heap = heap_mib();
        if (hour == 1) first_rss = rss, first_heap = heap;
        const Snapshot now = aggregator.snapshot({});
        const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
        std::printf("%5d %12llu %9.1f %9.2f %8zu %10zu %7zu %13zu %6.0f\n", hour,
                    static_cast<unsigned long long>(now.self.events), rss, heap, aggregator.live_sockets(),
                    now.processes.size(), now.tcp_states_by_netns.size(), now.destinations.size(), wall.count());
        std::fflush(stdout);
    }
    pipeline.finish();
    const bool flat = rss <= first_rss * 1.1 && heap <= first_heap * 1.1;
    std::printf("%s: RSS %.1f MiB after the first hour, %.1f MiB after the last\n", flat ? "flat" : "NOT FLAT", first_rss,
                rss);
    return flat ? 0 : 1;
}
