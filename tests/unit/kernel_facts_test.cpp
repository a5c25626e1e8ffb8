// SPDX-License-Identifier: GPL-2.0-only
// What is read out of the texts in which a kernel describes itself.
#include "probes/kernel_facts.h"

#include <catch2/catch.hpp>

using namespace sockeye;

namespace {

KernelFacts facts_of(std::string_view release, const PreemptionTexts& texts) {
    KernelFacts facts;
    set_release(facts, release);
    set_preemption(facts, texts);
    return facts;
}

std::string status_with(std::string_view effective) {
    return "Name:\tsockeye\nCapPrm:\tffffffffffffffff\nCapEff:\t" + std::string(effective) + "\nCapBnd:\t0\n";
}

}  // namespace

TEST_CASE("a release's version is its first two numbers", "[kernel_facts]") {
    KernelFacts facts;
    set_release(facts, "6.12.107+deb13-cloud-amd64");
    CHECK(facts.version == KernelVersion{6, 12});
    CHECK(facts.version < KernelVersion{7, 0});
    CHECK(facts.version >= KernelVersion{5, 19});
}

TEST_CASE("debugfs tells the preemption model before all else", "[kernel_facts]") {
    const KernelFacts facts = facts_of("6.1.0", {.debugfs = "none voluntary (full)\n",
                                                  .version = "#1 SMP PREEMPT_DYNAMIC Debian",
                                                  .cmdline = "quiet preempt=none",
                                                  .config = "CONFIG_PREEMPT_VOLUNTARY=y\n"});
    CHECK(facts.preemption == Preemption::full);
}

TEST_CASE("without debugfs the last preempt= of the command line counts", "[kernel_facts]") {
    const KernelFacts facts = facts_of("6.18.5", {.debugfs = {},
                                                   .version = "#1 SMP PREEMPT_DYNAMIC Debian",
                                                   .cmdline = "preempt=full quiet preempt=lazy\n",
                                                   .config = "CONFIG_PREEMPT_NONE=y\n"});
    CHECK(facts.preemption == Preemption::lazy);
}

TEST_CASE("a kernel that cannot switch ignores preempt= on its command line", "[kernel_facts]") {
    const KernelFacts facts = facts_of("5.10.0-37", {.debugfs = {},
                                                      .version = "#1 SMP Debian 5.10.262-1",
                                                      .cmdline = "preempt=full",
                                                      .config = "CONFIG_PREEMPT_VOLUNTARY=y\n"});
    CHECK(facts.preemption == Preemption::voluntary);
}

TEST_CASE("the build configuration decides when nothing was chosen at boot", "[kernel_facts]") {
    const KernelFacts facts = facts_of("6.18.44", {.debugfs = {},
                                                    .version = "#1 SMP PREEMPT_DYNAMIC @0",
                                                    .cmdline = "quiet",
                                                    .config = "# CONFIG_PREEMPT is not set\nCONFIG_PREEMPT_NONE=y\n"});
    CHECK(facts.preemption == Preemption::none);
}

TEST_CASE("a switchable kernel that tells nothing is of unknown preemption", "[kernel_facts]") {
    const KernelFacts facts =
        facts_of("6.12.1", {.debugfs = {}, .version = "#1 SMP PREEMPT_DYNAMIC", .cmdline = "quiet", .config = {}});
    CHECK(facts.preemption == Preemption::unknown);
}

TEST_CASE("a kernel that names no model is cooperative before 7.0 and unknown after it", "[kernel_facts]") {
    const PreemptionTexts texts = {.debugfs = {}, .version = "#1 SMP Debian", .cmdline = {}, .config = {}};
    CHECK(facts_of("5.10.0", texts).preemption == Preemption::voluntary);
    CHECK(facts_of("7.3.4", texts).preemption == Preemption::unknown);
}

TEST_CASE("real-time kernels are fully preemptible", "[kernel_facts]") {
    CHECK(facts_of("6.1.0", {.debugfs = {}, .version = "#1 SMP PREEMPT_RT Debian", .cmdline = {}, .config = {}})
              .preemption == Preemption::full);
}

TEST_CASE("CAP_SYS_ADMIN alone is enough, and so are CAP_BPF with CAP_PERFMON", "[kernel_facts]") {
    CHECK(missing_rights(rights_of(status_with("0000000000200000"))).empty());
    CHECK(missing_rights(rights_of(status_with("000000c000000000"))).empty());
}

TEST_CASE("exactly the missing capabilities are named, with the remedy", "[kernel_facts]") {
    const std::string none = missing_rights(rights_of(status_with("0000000000000000")));
    CHECK_THAT(none, Catch::Contains("missing CAP_BPF and CAP_PERFMON"));
    CHECK_THAT(none, Catch::Contains("setcap cap_bpf,cap_perfmon+ep"));
    CHECK_THAT(missing_rights(rights_of(status_with("0000008000000000"))), Catch::StartsWith("missing CAP_PERFMON:"));
    CHECK_THAT(missing_rights(rights_of(status_with("0000004000000000"))), Catch::StartsWith("missing CAP_BPF:"));
}
