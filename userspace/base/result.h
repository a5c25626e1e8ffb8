// SPDX-License-Identifier: GPL-2.0-only
// Result<T>: a value, or an Error that says what failed and what to do about it. Environment errors
// (no BTF, no rights, a missing file) travel as Result up to the command, which prints the message and
// ends with the error's exit code.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace sockeye {

// The process's exit codes; documented in README.md and `sockeye --help`.
enum class ExitCode : int {
    done = 0,
    failed = 1,
    usage = 2,
    finding = 3,
    unsupported = 4,  // this kernel or these privileges can't do it
    not_executable = 126,  // `run`: the command, as shells say it
    not_found = 127,
    interrupted = 130,
};

struct Error {
    std::string message;  // names the value or hook concerned, and the remedy
    ExitCode exit_code = ExitCode::failed;

    explicit Error(std::string text, ExitCode code = ExitCode::failed)
        : message(std::move(text)), exit_code(code) {}
};

template <typename T>
class [[nodiscard]] Result {
public:
    Result(T value) : content_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : content_(std::in_place_index<1>, std::move(error)) {}

    [[nodiscard]] bool ok() const { return content_.index() == 0; }
    explicit operator bool() const { return ok(); }
    T& operator*() & { return std::get<0>(content_); }
    const T& operator*() const& { return std::get<0>(content_); }
    T&& operator*() && { return std::get<0>(std::move(content_)); }
    T* operator->() { return &std::get<0>(content_); }
    const T* operator->() const { return &std::get<0>(content_); }
    [[nodiscard]] const Error& error() const { return std::get<1>(content_); }

private:
    std::variant<T, Error> content_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Error error) : content_(std::move(error)) {}

    [[nodiscard]] bool ok() const { return content_.index() == 0; }
    explicit operator bool() const { return ok(); }
    [[nodiscard]] const Error& error() const { return std::get<1>(content_); }

private:
    std::variant<std::monostate, Error> content_;
};

}  // namespace sockeye
