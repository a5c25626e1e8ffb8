// SPDX-License-Identifier: GPL-2.0-only
// The two shapes of doctor's report, of a host that was made up.
#include "commands/doctor.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace sockeye;

namespace {

DoctorReport report_of_a_poor_host() {
    DoctorReport report;
    report.host.kernel = "6.1.0-37-amd64";
    report.host.capabilities = {"CAP_BPF", "CAP_PERFMON"};
    report.host.type_information = true;
    report.host.preemption = "voluntary";
    report.host.preemption_source = "debugfs";
    report.host.locked_memory = 65536;
    report.host.ring_bytes = 8UL << 20;
    report.host.sock_diag = true;
    PlannedRow states;
    states.row = "tcp_state";
    states.observed = true;
    states.kind = HookKind::btf_tracepoint;
    states.hook = "tp_btf/inet_sock_set_state";
    PlannedRow accepts;
    accepts.row = "accept_calls";
    accepts.cost = "no accept events";
    accepts.remedy = "CAP_SYS_ADMIN";
    accepts.refused = {{.hook = "tp/syscalls/sys_exit_accept", .reason = "EACCES"}};
    report.plan.rows = {states, accepts};
    return report;
}

}  // namespace

TEST_CASE("doctor's JSON has a row for each thing to observe, with null for what is not known", "[doctor]") {
    const nlohmann::json report = nlohmann::json::parse(doctor_json(report_of_a_poor_host()));
    CHECK(report["kernel"] == "6.1.0-37-amd64");
    CHECK(report["lockdown"].is_null());
    CHECK(report["memlock_bytes"] == 65536);
    CHECK(report["sampling"] == true);
    REQUIRE(report["rows"].size() == 2);
    CHECK(report["rows"][0]["hook"] == "tp_btf/inet_sock_set_state");
    CHECK(report["rows"][0]["exact"] == true);
    CHECK(report["rows"][1]["observed"] == false);
    CHECK(report["rows"][1]["hook"].is_null());
    CHECK(report["rows"][1]["refused"][0]["reason"] == "EACCES");
}

TEST_CASE("doctor's text names the choice, why not a better one, the cost and the remedy", "[doctor]") {
    const std::string text = doctor_text(report_of_a_poor_host());
    for (const char* part : {"sample sock_diag and /proc", "tp_btf/inet_sock_set_state", "not observed", "not tp/syscalls/sys_exit_accept: EACCES",
                             "cost: no accept events", "remedy: CAP_SYS_ADMIN", "64.0 KiB", "voluntary (debugfs)"})
        CHECK(text.find(part) != std::string::npos);
}

TEST_CASE("a plan without a single hook observes nothing", "[doctor]") {
    DoctorReport report = report_of_a_poor_host();
    CHECK(observes_anything(report.plan));
    report.plan.rows.erase(report.plan.rows.begin());
    CHECK_FALSE(observes_anything(report.plan));
}
