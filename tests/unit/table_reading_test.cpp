// SPDX-License-Identifier: GPL-2.0-only
#include "events/table_reading.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>

#include "base/unique_fd.h"
#include "support/record_builder.h"

using namespace sockeye;
using namespace sockeye::test;

namespace {

// A pipe in the place of an iterator: it gives what was put in, then its end.
class FakeIterator {
public:
    FakeIterator() {
        int ends[2];
        REQUIRE(pipe(ends) == 0);
        out_ = UniqueFd(ends[0]);
        in_ = UniqueFd(ends[1]);
    }
    void give(const RecordBatch& bytes) {
        REQUIRE(write(in_.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    }
    void end() { in_ = UniqueFd(); }
    [[nodiscard]] int fd() const { return out_.get(); }

private:
    UniqueFd out_, in_;
};

RecordBatch sockets(unsigned count) {
    RecordBuilder records;
    for (unsigned number = 0; number < count; ++number)
        records.existing_socket(0x1000 + number, tcp_tuple("10.0.0.1", 80), WIRE_TCP_LISTEN);
    return records.take();
}

RecordBatch table_end() {
    event_header end{};
    end.kind = WIRE_TABLE_END;
    end.size = sizeof(end);
    RecordBatch batch(sizeof(end));
    std::memcpy(batch.data(), &end, sizeof(end));
    return batch;
}

RecordBatch operator+(RecordBatch a, const RecordBatch& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

int read_table(int iterator, RecordBatch& batch) {
    for (;;) {
        const TableRead got = read_table_piece(iterator, batch);
        if (got.end || got.error != 0) return got.error;
    }
}

}  // namespace

TEST_CASE("a table is read up to its end and not beyond, though more could be read", "[table_reading]") {
    FakeIterator iterator;  // stays open: who reads on waits for ever
    iterator.give(sockets(3) + table_end());
    RecordBatch batch = sockets(1);
    CHECK(read_table(iterator.fd(), batch) == 0);
    CHECK(batch == sockets(1) + sockets(3));
}

TEST_CASE("what an iterator gives in one read behind the table's end is left out", "[table_reading]") {
    FakeIterator iterator;
    iterator.give(sockets(2) + table_end() + sockets(5));
    RecordBatch batch;
    CHECK(read_table(iterator.fd(), batch) == 0);
    CHECK(batch == sockets(2));
}

TEST_CASE("an iterator that ends without a word has not shown its whole table", "[table_reading]") {
    FakeIterator iterator;
    iterator.give(sockets(2));
    iterator.end();
    RecordBatch batch;
    CHECK(read_table(iterator.fd(), batch) == ENODATA);
    CHECK(batch == sockets(2));
}

TEST_CASE("of a broken record and what follows nothing is kept", "[table_reading]") {
    RecordBatch broken = sockets(1);
    broken.resize(broken.size() - 8);
    FakeIterator iterator;
    iterator.give(sockets(2) + broken);
    iterator.end();
    RecordBatch batch;
    CHECK(read_table(iterator.fd(), batch) == EBADMSG);
    CHECK(batch == sockets(2));
}

TEST_CASE("an unreadable iterator says why", "[table_reading]") {
    RecordBatch batch;
    CHECK(read_table(-1, batch) == EBADF);
    CHECK(batch.empty());
}
