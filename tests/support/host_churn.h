// SPDX-License-Identifier: GPL-2.0-only
// HostChurn makes the records of a host where everything comes and goes, second by simulated second and for as long
// as one likes: processes, containers with network namespaces of their own, connections out to new places and in to
// listeners, TIME_WAITs; some records get lost. It knows what is there, so the model can be held against it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "support/record_builder.h"

namespace sockeye::test {

struct ChurnRates {
    unsigned connections = 20, processes = 4;  // begun a second
    unsigned containers_every_s = 20, container_life_s = 300;
    unsigned lost_one_of = 2000;  // records of hooks; 0: none
};

class HostChurn {
public:
    explicit HostChurn(const ChurnRates& rates);

    // The run's first records and an empty baseline.
    RecordBatch begin();
    // What happens in the next second, the readings of the kernel's tables that follow, and the tick.
    RecordBatch second();

    static constexpr unsigned kTcpReadEvery = 10;  // seconds; the first is read at the end of the tenth
    // As of the last reading of the sockets.
    [[nodiscard]] std::array<std::uint64_t, WIRE_TCP_STATE_MAX> tcp_states() const;
    [[nodiscard]] std::size_t processes() const { return processes_.size(); }
    [[nodiscard]] std::size_t namespaces() const { return containers_.size() + 1; }

private:
    enum class Ending : std::uint8_t { by_us, by_peer, reset };
    struct Connection {
        std::uint64_t sk = 0;  // or the minisock
        socket_tuple tuple{};
        std::uint32_t netns = 0, pid = 0;
        std::uint8_t state = WIRE_TCP_ESTABLISHED;
    };
    struct Process {
        std::string comm;
        std::uint64_t start_ns = 0, ends_s = 0;
    };
    struct Container {
        std::uint32_t netns = 0, pid = 0;
        std::uint64_t listener = 0, ends_s = 0;
    };

    RecordBuilder& next() { return records_.after(20'000); }
    void act_as(std::uint32_t pid);
    std::uint32_t begin_process(const std::string& comm, const std::string& cgroup, std::uint64_t ends_s);
    void end_process(std::uint32_t pid);
    void begin_container();
    void end_container(const Container& container);
    void connect();
    void accept();
    void step(Connection connection);
    void close(Connection connection, Ending ending);
    void end_time_wait(const Connection& minisock, std::uint32_t flags);
    void lose_some();
    void read_tables();
    void read_descriptors();
    void read_sockets(std::uint32_t netns);
    void add_statistics();

    unsigned below(unsigned bound);
    std::uint64_t take_address();
    void give_back(std::uint64_t address) { free_addresses_.push_back(address); }
    [[nodiscard]] std::uint32_t some_pid();
    std::uint16_t next_port();

    ChurnRates rates_;
    RecordBuilder records_;
    std::map<std::uint32_t, Process> processes_;
    std::vector<Container> containers_;
    std::multimap<std::uint64_t, Connection> due_;  // by the second of the next step
    std::vector<std::uint64_t> free_addresses_;
    std::uint64_t second_ = 0, next_address_ = 0xffff888100000000, random_ = 0x2545f4914f6cdd1d;
    std::uint32_t last_pid_ = 1000, made_containers_ = 0;
    std::uint16_t port_ = 32768;
    bool lost_ = false;
};

}  // namespace sockeye::test
