// SPDX-License-Identifier: GPL-2.0-only
// Where a session's records come from: BPF, or, where that may not be used, samples of what everybody can read.
#include <utility>

#include "base/format.h"
#include "commands/session.h"
#include "commands/talk.h"
#include "probes/tracer.h"
#include "sampling/sampler.h"

namespace sockeye {

Result<void> Session::open_source() {
    const bool can_sample = plan_.without_events == WithoutEvents::samples;
    if (options_.tier != HookTier::sampling) {
        Result<std::unique_ptr<Tracer>> tracer =
            Tracer::open({.features = plan_.features,
                          .tier = options_.tier,
                          .filter = plan_.kernel_filter,
                          .ring_bytes = options_.ring_bytes,
                          .libbpf_chatter = options_.verbose ? LibbpfChatter::stderr_too : LibbpfChatter::quiet});
        if (tracer) {
            source_ = *std::move(tracer);
            return {};
        }
        const bool refused = tracer.error().exit_code == ExitCode::unsupported;
        // Whoever forces a tier wants to know that it can't be had.
        if (!refused || !can_sample || options_.tier != HookTier::automatic) return tracer.error();
        why_sampling_ = tracer.error().message;
    } else if (!can_sample) {
        return Error("--hooks sampling: this command needs events, and only BPF tells of those; snapshot, top, timewait "
                     "and leaks can sample",
                     ExitCode::unsupported);
    }
    plan_ = plan_sampling(std::move(plan_));
    source_ = std::make_unique<Sampler>();
    return {};
}

void Session::say_ready_to_sample() const {
    const std::string pace = plan_.runs == RunLength::one_look ? "" : " each " + format_duration(interval_);
    talk::say("ready: sampling sock_diag and /proc{}{}", pace,
              why_sampling_.empty() ? "" : fmt::format(" (no BPF: {})", why_sampling_));
}

}  // namespace sockeye
