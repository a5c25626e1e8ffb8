// SPDX-License-Identifier: GPL-2.0-only
#include "support/leak_samples.h"

#include "sockeye/event.h"
#include "support/event_samples.h"

namespace sockeye::test {

namespace {

FrameRow frame(std::string function, std::string module, std::string source, std::uint32_t line, std::uint64_t offset) {
    return {.function = std::move(function),
            .module = std::move(module),
            .source = std::move(source),
            .build_id = "2a",
            .line = line,
            .offset = offset};
}

// One reading a second; `open` tells how many there were in the i-th.
template <typename Open>
std::vector<GrowthSample> growth(std::uint64_t now_ns, unsigned seconds, Open open) {
    std::vector<GrowthSample> samples;
    for (unsigned i = 0; i <= seconds; ++i)
        samples.push_back({now_ns - (seconds - i) * kSecond, static_cast<std::uint32_t>(open(i))});
    return samples;
}

}  // namespace

Snapshot leaks_snapshot() {
    Snapshot snapshot = sample_snapshot();
    const std::uint64_t now = snapshot.ktime_ns = 200 * kSecond;
    snapshot.interval_ns = 40 * kSecond;
    snapshot.ways = {
        {.frames = {frame("socket", "/usr/lib/libc.so.6", "", 0, 0x10f2a7),
                    frame("(anonymous namespace)::connect_once()", "/opt/app/client", "/src/app/client.cpp", 42, 0x1190),
                    frame("main", "/opt/app/client", "/src/app/client.cpp", 77, 0x1300),
                    frame("_start", "/opt/app/client", "", 0, 0x1080)},
         .end = WIRE_STACK_WHOLE},
        {.frames = {frame("openat64", "/usr/lib/libc.so.6", "", 0, 0x10a000),
                    frame("", "/opt/app/libstripped.so.1", "", 0, 0x2c44)},
         .end = WIRE_STACK_NO_WAY_ON}};
    OpenerRow leak;
    leak.pid = 4242;
    leak.comm = Comm("client");
    leak.container = "3f2a9c0d1e4b5a69788796a5b4c3d2e1f0";
    leak.cgroup = "/docker/3f2a9c0d1e4b5a69788796a5b4c3d2e1f0";
    leak.way = 0;
    leak.kind = FD_KIND_socket;
    leak.open = 160;
    leak.opened = 160;
    leak.oldest_ns = now - 40 * kSecond;
    leak.growth = growth(now, 40, [](unsigned i) { return 4 * i; });
    OpenerRow teeth = leak;
    teeth.pid = 901;
    teeth.comm = Comm("nginx");
    teeth.container.clear();
    teeth.way = 1;
    teeth.kind = FD_KIND_file;
    teeth.open = 12;
    teeth.opened = 4000;
    teeth.closed = 3988;
    teeth.oldest_ns = now - 2 * kSecond;
    teeth.growth = growth(now, 40, [](unsigned i) { return i % 10 * 6; });
    OpenerRow unknown = teeth;
    unknown.way.reset();
    unknown.kind = FD_KIND_pipe;
    unknown.open = 2;
    unknown.opened = 2;
    unknown.closed = 0;
    unknown.growth = growth(now, 2, [](unsigned) { return 2; });
    OpenerRow ended = leak;
    ended.pid = 4000;
    ended.comm = Comm("curl");
    ended.alive = false;
    ended.container.clear();
    ended.way = 1;
    ended.kind = FD_KIND_eventfd;
    ended.open = 30;
    ended.opened = 30;
    ended.growth.clear();
    snapshot.stacks_observed = true;
    snapshot.openers = {leak, teeth, ended, unknown};
    return snapshot;
}

}  // namespace sockeye::test
