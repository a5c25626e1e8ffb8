// SPDX-License-Identifier: GPL-2.0-only
// The pool of sockets and its indexes, against a plain map through many random changes.
#include "aggregate/socket_table.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "support/record_builder.h"

using namespace sockeye;
using namespace sockeye::test;

TEST_CASE("the index agrees with a map through growth and deletion", "[socket_table]") {
    SocketTable table;
    std::map<std::uint64_t, std::uint32_t> expected;
    std::mt19937_64 random(7);
    for (int step = 0; step < 200'000; ++step) {
        const std::uint64_t sk = 0xffff888000000000 + random() % 30'000 * 64;
        const auto known = expected.find(sk);
        if (known == expected.end()) {
            const std::uint32_t index = table.create();
            table.file_sk(index, sk);
            expected.emplace(sk, index);
        } else {
            table.erase(known->second);
            expected.erase(known);
        }
    }
    CHECK(table.size() == expected.size());
    for (std::uint64_t n = 0; n < 30'000; ++n) {
        const std::uint64_t sk = 0xffff888000000000 + n * 64;
        const auto known = expected.find(sk);
        REQUIRE(table.find_sk(sk) == (known == expected.end() ? SocketTable::kNone : known->second));
    }
    std::size_t visited = 0;
    table.for_each([&](std::uint32_t index, const SocketEntry& entry) {
        ++visited;
        REQUIRE(expected.at(entry.sk) == index);
    });
    CHECK(visited == expected.size());
}

TEST_CASE("ids are never given twice, entries are", "[socket_table]") {
    SocketTable table;
    const std::uint32_t first = table.create();
    const std::uint64_t first_id = table.at(first).id;
    table.erase(first);
    const std::uint32_t second = table.create();
    CHECK(second == first);
    CHECK(table.at(second).id > first_id);
    CHECK(table.at(second).fd == -1);
}

TEST_CASE("a shut-down socket is found by its pointer and its tuple", "[socket_table]") {
    SocketTable table;
    const std::uint32_t index = table.create();
    SocketEntry& entry = table.at(index);
    entry.netns = 5;
    entry.tuple = tcp_tuple("10.0.0.1", 40000, "10.0.0.2", 80);
    entry.set(kMinisock);
    table.file_sk(index, 64);
    table.file_tuple(index);
    CHECK(table.find_sk(64) == index);
    CHECK(table.find_tuple(5, entry.tuple) == index);
    CHECK(table.find_tuple(6, entry.tuple) == SocketTable::kNone);
    CHECK(table.find_tuple(5, tcp_tuple("10.0.0.1", 40001, "10.0.0.2", 80)) == SocketTable::kNone);
    table.unfile_sk(index);
    CHECK(table.find_sk(64) == SocketTable::kNone);
    CHECK(table.find_tuple(5, entry.tuple) == index);
    const socket_tuple tuple = entry.tuple;
    table.erase(index);
    CHECK(table.find_tuple(5, tuple) == SocketTable::kNone);
    CHECK(table.size() == 0);
    CHECK(table.minis() == 0);
}

TEST_CASE("no socket has no pointer", "[socket_table]") {
    SocketTable table;
    table.file_sk(table.create(), 0);
    CHECK(table.find_sk(0) == SocketTable::kNone);
}

TEST_CASE("tuples that differ in one place only are spread over the table", "[socket_table]") {
    // 28,000 ports of one destination: a weak hash would make runs of them.
    HashIndex index;
    std::map<std::uint32_t, int> seen;
    for (std::uint16_t port = 32768; port < 60768; ++port) {
        ++seen[hash_ends(5, tcp_tuple("10.0.0.1", port, "10.0.0.2", 80)) >> 16];
    }
    int most = 0;
    for (const auto& [top_bits, count] : seen) most = count > most ? count : most;
    CHECK(most <= 8);
}
