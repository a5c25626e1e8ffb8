// SPDX-License-Identifier: GPL-2.0-only
// LibbpfLog collects what libbpf says while it lives, instead of letting it print. libbpf knows only one
// printer for the whole process and hands it no context, hence the one global behind this class; one
// LibbpfLog at a time.
#pragma once

#include <cstdint>
#include <string>

namespace sockeye {

enum class LibbpfChatter : std::uint8_t { quiet, stderr_too };

class LibbpfLog {
public:
    explicit LibbpfLog(LibbpfChatter chatter);
    ~LibbpfLog();
    LibbpfLog(const LibbpfLog&) = delete;
    LibbpfLog& operator=(const LibbpfLog&) = delete;

    // Forgets what was said.
    void clear();
    // The program that libbpf named last when it refused to load; empty: none.
    [[nodiscard]] std::string failed_program() const;
    // The verifier's last complaint or libbpf's last warning, one line.
    [[nodiscard]] std::string last_complaint() const;
};

}  // namespace sockeye
