// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/text_table.h"

#include <catch2/catch.hpp>

namespace sockeye {
namespace {

using Align = TextTable::Align;

TEST_CASE("columns are as wide as their longest cell", "[text_table]") {
    TextTable table({{"PID"}, {"COMM", Align::left}, {"FDS"}});
    table.add({"1", "init", "100"});
    table.add({"12345", "x", "7"});
    CHECK(table.text() ==
          "  PID  COMM  FDS\n"
          "    1  init  100\n"
          "12345  x       7\n");
}

TEST_CASE("long cells are cut, and say so; characters count, not bytes", "[text_table]") {
    TextTable table({{"A", Align::left, 4}, {"B", Align::left}});
    table.add({"\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\xc3\xa4", "1"});
    table.add({"abcd", "2"});
    CHECK(table.text() ==
          "A     B\n"
          "\xc3\xa4\xc3\xb6\xc3\xbc~  1\n"
          "abcd  2\n");
}

TEST_CASE("a column that says the same in every row can be left out", "[text_table]") {
    const auto text_with = [](const char* second) {
        TextTable table({{"A"}, {"NETNS", Align::right, 0, TextTable::When::cells_differ}});
        table.add({"1", "7"});
        table.add({"2", second});
        return table.text();
    };
    CHECK(text_with("7") == "A\n1\n2\n");
    CHECK(text_with("8") == "A  NETNS\n1      7\n2      8\n");
}

TEST_CASE("names cannot break the table", "[text_table]") {
    TextTable table({{"COMM", Align::left}});
    table.add({"a\nb\x1b[m"});
    CHECK(table.text() == "COMM\na?b?[m\n");
}

}  // namespace
}  // namespace sockeye
