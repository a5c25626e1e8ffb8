// SPDX-License-Identifier: GPL-2.0-only
#include "support/run_acts.h"

#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "support/environment.h"
#include "support/load/load_support.h"
#include "support/sockeye_process.h"
#include "support/tcp_acts.h"

namespace live {

std::vector<std::string> run_of(const std::vector<std::string>& options, const std::vector<std::string>& acts) {
    return std::vector<std::string>{"run"} + hooks_arguments() + options +
           std::vector<std::string>{"--", program_path("act")} + acts;
}

std::string text_of(const std::string& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
}

Verdict run_acts(const std::vector<std::string>& acts, const std::vector<std::string>& options) {
    const std::string file = scratch_folder() + "/verdict.json";
    const Finished finished = run_sockeye(run_of(std::vector<std::string>{"--json", "-O", file} + options, acts));
    Verdict verdict{.exit_code = finished.exit_code,
                    .out = finished.out,
                    .err = finished.err,
                    .json = Json::parse(text_of(file), nullptr, false)};
    return verdict;
}

void connect_when_told(Child::Side& side, const AcceptingServer& server, unsigned times) {
    const sockaddr_in address = loopback(static_cast<std::uint16_t>(std::stoul(server.port())));
    side.wait_go();
    for (unsigned nth = 0; nth < times; ++nth) {
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect_error(fd, address) != 0) load::die("connect");
        shutdown(fd, SHUT_WR);
        read_to_end(fd);
        close(fd);
    }
    side.say("done");
    side.wait_go();
}

}  // namespace live
