// SPDX-License-Identifier: GPL-2.0-only
// What a report may overwrite.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "commands/report_file.h"
#include "sinks/html_report.h"
#include "support/folder.h"

using namespace sockeye;
using test::Folder;

namespace {

std::string content_of(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("a report is written beside its recording", "[report]") {
    CHECK(default_report_path("load-test.sockeye") == "load-test.html");
    CHECK(default_report_path("a.b/run") == "a.b/run.html");
    CHECK(default_report_path("odd.html") == "odd.html.html");
}

TEST_CASE("only reports are overwritten without being asked to", "[report]") {
    const Folder folder;
    const std::string report = folder.file("a.html", std::string(kReportBegin) + "<html>old");
    const std::string page = folder.file("b.html", "<!DOCTYPE html>\n<html>mine");
    CHECK(may_write_report("--out", report, false).ok());
    CHECK(may_write_report("--out", folder.root / "new.html", false).ok());
    CHECK(may_write_report("--out", "-", false).ok());
    const Result<void> refused = may_write_report("--out", page, false);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().exit_code == ExitCode::usage);
    CHECK(may_write_report("--out", page, true).ok());
    CHECK_FALSE(may_write_report("--out", folder.root, true).ok());
    CHECK_FALSE(may_write_report("--out", folder.root / "none/x.html", false).ok());
    const std::string beside = folder.file("a.html.new", "mine, too");
    REQUIRE(write_report(report, "new page").ok());
    CHECK(content_of(report) == "new page");
    CHECK(content_of(beside) == "mine, too");
    CHECK(std::distance(std::filesystem::directory_iterator(folder.root), {}) == 3);
    CHECK_FALSE(write_report(folder.root / "none/x.html", "page").ok());
}

TEST_CASE("a report is written to where a link leads, and the link stays", "[report]") {
    const Folder folder;
    const std::string report = folder.file("a.html", std::string(kReportBegin) + "<html>an old and longer page");
    for (const char* target : {"a.html", "nowhere-yet.html"}) {
        const std::string link = folder.root / (std::string("link-to-") + target);
        std::filesystem::create_symlink(target, link);
        REQUIRE(write_report(link, "new page").ok());
        CHECK(std::filesystem::is_symlink(link));
        CHECK(content_of(folder.root / target) == "new page");
    }
}
