// SPDX-License-Identifier: GPL-2.0-only
// CloseMix: connections over IPv4 and IPv6 loopback that end in every way that leads to TIME_WAIT, or past it,
// chosen by a seed. It runs in a Child in a network namespace of its own, and writes down what must be there
// afterwards: each minisock with its owner, and who closed it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/tcp_acts.h"

namespace live {

// "ipv6 40000 8080": the family and both ports name an end of a connection.
std::string end_name(const std::string& family, unsigned lport, unsigned rport);

class CloseMix {
public:
    explicit CloseMix(std::uint64_t seed);

    // One connection each of every kind, then `more` of kinds that the seed chooses.
    void run(unsigned more);
    // The peers of the orphans in FIN_WAIT2 close, too, or send a reset or data, or nothing; those that linger for
    // a second expire.
    void turn_and_expire();
    // Connects again from the ports of TIME_WAITs: by a SYN into one, and by tcp_tw_reuse on a full port range.
    void reuse();
    // Fills tcp_max_tw_buckets and closes `over` more. False: it can't be set here.
    bool overflow(unsigned over);

    // {"waiting": {end: {state, owner, closer, closed_by, brief: it may have expired by now}}, "entered": n,
    // "reused": n, "expired": n, "reset": n, "closed": orphans that ended in FIN_WAIT2 as full sockets,
    // "overflowed": n}
    [[nodiscard]] nlohmann::json expected() const;

private:
    enum class Kind : std::uint8_t {
        client_first,
        server_first,
        by_child,
        by_exit,
        by_child_that_connects,
        both,
        reset,
        orphan,
        lingering,
    };
    static constexpr unsigned kKinds = 9;
    struct Ends : Connection {
        bool v6 = false;
    };
    struct Orphan {
        Ends ends;
        Kind kind = Kind::orphan;
        bool full = false;  // not a minisock
    };

    Ends connect(bool v6, std::uint16_t client_port = 0);
    void close_client_first(const Ends& ends, std::int32_t closer);
    void close_server_first(const Ends& ends);
    void close_one(Kind kind, bool v6);
    void close_both(const std::vector<Ends>& all);
    void child_connects(bool v6);
    void leave_orphan(const Ends& ends, Kind kind);
    static bool waits_as_full_socket(const Ends& ends);
    // `ends`' client end or its server end waits in that state.
    void expect(const Ends& ends, bool client, const char* state, std::int32_t owner, std::int32_t closer,
                const char* side);

    std::uint64_t seed_;
    int listeners_[2];
    nlohmann::json waiting_ = nlohmann::json::object();
    std::vector<Orphan> orphans_;
    unsigned long_waits_ = 0;  // orphans that wait for a minute or two
    unsigned entered_ = 0, reused_ = 0, expired_ = 0, reset_ = 0, closed_ = 0, overflowed_ = 0;
};

}  // namespace live
