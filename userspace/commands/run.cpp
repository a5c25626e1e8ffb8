// SPDX-License-Identifier: GPL-2.0-only
// run: traces a command and all that descends from it, from its first system call to its end, or running services
// for a time, and judges what it saw. stdout and stderr of the command are its own.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "aggregate/aggregator.h"
#include "base/event_loop.h"
#include "base/output.h"
#include "commands/command.h"
#include "commands/host.h"
#include "commands/launch.h"
#include "commands/live.h"
#include "commands/live_plan.h"
#include "commands/report_file.h"
#include "commands/session.h"
#include "events/recording.h"
#include "sinks/event_fan.h"
#include "sinks/html_report.h"
#include "sinks/review_sink.h"
#include "sinks/run_verdict.h"
#include "sinks/snapshot_fan.h"
#include "verdict/run_ledger.h"

namespace sockeye {

namespace {

// How long connections may take to close after the command's end, until they are TIME_WAIT or gone.
constexpr std::chrono::milliseconds kClosingPeriod(20), kMostClosing(500);

Result<void> check_asked(const Options& options) {
    const bool has_command = !options.run.command.empty();
    if (has_command && options.run.command.front().empty())
        return Error("run: '' is no command: sockeye run -- CMD [ARGUMENT]...", ExitCode::usage);
    if (!has_command && options.filter.pids.empty())
        return Error("run: '' is no command: sockeye run -- CMD [ARGUMENT]..., or --for TIME --pid PID",
                     ExitCode::usage);
    if (has_command && !options.filter.pids.empty())
        return Error("--pid: '' goes with --for, not with a command: what the command starts is followed anyway",
                     ExitCode::usage);
    if (has_command && options.duration.has_value())
        return Error("--for: '' goes with --pid: to end a command after a time, `sockeye run -- timeout 60 CMD`",
                     ExitCode::usage);
    if (!has_command && (!options.run.user.empty() || options.run.wait_all))
        return Error("--user, --wait-all: '' go with a command, not with --pid", ExitCode::usage);
    return {};
}

// Opened before anything runs; empty: none.
Result<UniqueFd> open_for_writing(const char* option, const std::string& file) {
    if (file.empty()) return UniqueFd();
    UniqueFd fd(open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (!fd.valid())
        return Error(fmt::format("{}: '{}' can't be written: {}", option, file, std::strerror(errno)),
                     ExitCode::usage);
    return fd;
}

Result<void> write_to(int fd, const std::string& text) {
    Output output(fd);
    output.write(text);
    if (!output.flush() && output.status() == OutputStatus::failed) return *output.error();
    return {};
}

class LedgerSink final : public SnapshotSink {
public:
    explicit LedgerSink(RunLedger& ledger) : ledger_(ledger) {}
    void write(const Snapshot& snapshot, std::span<const Finding> findings) override {
        ledger_.look(snapshot, findings);
        last = snapshot;
    }
    bool flush() override { return true; }

    Snapshot last;

private:
    RunLedger& ledger_;
};

// Who is traced, and when that is over.
class Subject {
public:
    Subject(const Options& options, EventLoop& loop, std::optional<LaunchedCommand>& command,
            const RunLedger& ledger)
        : options_(options), loop_(loop), command_(command), ledger_(ledger) {}

    // Signals that were ignored when we started stay so, as nohup and shells want it.
    Result<void> watch_signals() {
        for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
            struct sigaction present {};
            sigaction(signal, nullptr, &present);
            if (present.sa_handler == SIG_IGN) continue;
            Result<void> watched =
                loop_.on_signal_info(signal, [this](const signalfd_siginfo& info) { signalled(info); });
            if (!watched) return watched;
        }
        if (!command_) return {};
        return loop_.on_signal(SIGCHLD, [this] { children_changed(); });
    }

    // Everything is attached.
    Result<void> start() {
        begin_ns_ = monotonic_ns();
        if (!command_) return watch_roots();
        if (Result<void> released = command_->release(); !released) return released;
        children_changed();
        return {};
    }

    void fill_in(RunOutcome& outcome) const {
        outcome.seconds = static_cast<double>((end_ns_ != 0 ? end_ns_ : monotonic_ns()) - begin_ns_) / 1e9;
        outcome.end = end_;
        outcome.waited_for_all = options_.run.wait_all && command_ && command_->all_ended();
        if (!command_) return;
        const int status = command_->status();
        outcome.end = WIFSIGNALED(status) ? RunEnd::command_killed : RunEnd::command_exited;
        if (WIFSIGNALED(status)) outcome.signal = WTERMSIG(status);
        if (WIFEXITED(status)) outcome.exit_code = WEXITSTATUS(status);
    }

private:
    // The terminal signals its whole process group, so the command has it already; what a process sends to us
    // alone is meant for the command.
    void signalled(const signalfd_siginfo& info) {
        if (!command_ || !command_->released() || command_->ended()) {
            end_with(RunEnd::interrupted);
            loop_.stop();
        } else if (info.ssi_code != SI_KERNEL || info.ssi_signo == SIGHUP) {
            // But a terminal that goes away tells the leader of its session alone.
            command_->signal(static_cast<int>(info.ssi_signo));
        }
    }

    void children_changed() {
        command_->reap();
        if (!command_->released() || !command_->ended()) return;
        if (options_.run.wait_all && !command_->all_ended()) return;
        if (end_ns_ != 0) return;
        end_with(RunEnd::command_exited);
        wait_for_closing();
    }

    // A connection closed in the last moment becomes TIME_WAIT when its peer closes, too.
    void wait_for_closing() {
        const std::uint64_t until =
            monotonic_ns() + static_cast<std::uint64_t>(std::chrono::nanoseconds(kMostClosing).count());
        const Result<void> timed = loop_.every(kClosingPeriod, [this, until] {
            if (ledger_.closing() == 0 || monotonic_ns() >= until) loop_.stop();
        });
        if (!timed) loop_.stop();
    }

    Result<void> watch_roots() {
        for (const std::uint32_t pid : options_.filter.pids) {
            UniqueFd root(static_cast<int>(syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0)));
            if (!root.valid() && errno == ESRCH) continue;
            if (!root.valid())
                return Error(fmt::format("cannot wait for process {}: {}", pid, std::strerror(errno)));
            ++roots_alive_;
            Result<void> watched = loop_.once_readable(root.get(), [this] {
                if (--roots_alive_ == 0) end_with(RunEnd::processes_gone);
                if (roots_alive_ == 0) loop_.stop();
            });
            if (!watched) return watched;
            roots_.push_back(std::move(root));
        }
        if (roots_alive_ != 0) return {};
        end_with(RunEnd::processes_gone);
        loop_.stop();
        return {};
    }

    void end_with(RunEnd end) {
        if (end_ns_ != 0) return;
        end_ns_ = monotonic_ns();
        end_ = end;
    }

    const Options& options_;
    EventLoop& loop_;
    std::optional<LaunchedCommand>& command_;
    const RunLedger& ledger_;
    std::vector<UniqueFd> roots_;
    std::size_t roots_alive_ = 0;
    std::uint64_t begin_ns_ = 0, end_ns_ = 0;
    RunEnd end_ = RunEnd::time_over;
};

struct Files {
    UniqueFd verdict, junit;
    std::optional<RecordingWriter> recording;
};

Result<Files> open_files(const Options& options) {
    Files files;
    if (!options.run.report_file.empty()) {
        if (Result<void> may = may_write_report("--report", options.run.report_file, options.force); !may) return may.error();
    }
    Result<UniqueFd> verdict = open_for_writing("--verdict-file", options.run.verdict_file);
    if (!verdict) return verdict.error();
    files.verdict = *std::move(verdict);
    Result<UniqueFd> junit = open_for_writing("--junit", options.run.junit_file);
    if (!junit) return junit.error();
    files.junit = *std::move(junit);
    if (options.run.record_file.empty()) return files;
    if (!options.force && access(options.run.record_file.c_str(), F_OK) == 0)
        return Error(fmt::format("--record: '{}' exists: another name, or --force to overwrite it",
                                 options.run.record_file),
                     ExitCode::usage);
    Result<RecordingWriter> recording = RecordingWriter::create(options.run.record_file);
    if (!recording) return recording.error();
    files.recording.emplace(*std::move(recording));
    return files;
}

Result<void> write_verdict(const RunOutcome& outcome, const Options& options, const Files& files) {
    const std::string text = options.output == OutputFormat::json ? run_json(outcome) : run_text(outcome);
    if (Result<void> written = write_to(files.verdict.valid() ? files.verdict.get() : STDERR_FILENO, text);
        !written)
        return written;
    return files.junit.valid() ? write_to(files.junit.get(), run_junit(outcome)) : Result<void>();
}

// Traces until it is over; the outcome is complete then, and so is the report's page if one is asked for.
Result<void> trace(const Options& options, std::optional<LaunchedCommand>& command, Files& files, RunOutcome& outcome,
                   std::string& page) {
    Result<EventLoop> loop = EventLoop::create();
    if (!loop) return loop.error();
    RunLedger ledger(options.run.assertions);
    LedgerSink ledger_sink(ledger);
    Subject subject(options, *loop, command, ledger);
    if (Result<void> watched = subject.watch_signals(); !watched) return watched;

    RunReview review;
    ReviewSink review_sink(review);
    const bool reports = !options.run.report_file.empty();
    SnapshotFan snapshots(reports ? std::vector<SnapshotSink*>{&ledger_sink, &review_sink}
                                  : std::vector<SnapshotSink*>{&ledger_sink});
    EventFan events(reports ? std::vector<EventSink*>{&ledger, &review_sink} : std::vector<EventSink*>{&ledger});
    Diagnosis diagnosis;
    Aggregator aggregator(options.filter);
    Pipeline pipeline(aggregator, {.events = &events,
                                   .snapshots = &snapshots,
                                   .moment = SnapshotMoment::whole_run,
                                   .contents = {.sockets = false,
                                                .time_wait_makers = reports ? Makers::counted : Makers::rates,
                                                .close_wait = true,
                                                .filter = &options.filter,
                                                .base = RateBase::first_snapshot},
                                   .diagnosis = &diagnosis});
    const LivePlan plan = plan_live(LiveUse::run, options);
    Session session(options, plan, *loop, aggregator, pipeline, files.recording ? &*files.recording : nullptr);
    session.leave_stdout_alone();
    session.at_ready([&subject] { return subject.start(); });
    const Result<ExitCode> ended = session.run();
    if (!ended) return ended.error();
    if (*ended != ExitCode::done) return Error("interrupted before anything was started", *ended);
    outcome.last = std::move(ledger_sink.last);
    outcome.unobserved = session.unobserved();
    subject.fill_in(outcome);
    ledger.close(outcome);
    if (reports) page = html_report(review);
    return {};
}

}  // namespace

void set_up_run(CLI::App& app, Options& options) {
    add_options(app, kRunOptions | kPidOptions | kOutputOptions | kIntervalOption | kHookOptions | kForceOption,
                options);
    app.footer("sockeye run [OPTIONS] -- CMD [ARGUMENT]...\nsockeye run [OPTIONS] --for TIME -p PID[,PID]\n\n" +
               assertion_help() +
               "\n\nThe verdict goes to stderr, or to --verdict-file. CMD runs with sockeye's own credentials, or "
               "as --user;\n"
               "the run ends with CMD, or with its last descendant (--wait-all).\n"
               "Exit codes: 3 a finding of severity warning or critical, or an assertion that is not met; 126, "
               "127 CMD can't\n"
               "be executed or found; 1, 2, 4 sockeye's own; else CMD's own, 128 + N if signal N ended it.");
}

Result<ExitCode> run_run(const Options& asked) {
    if (Result<void> checked = check_asked(asked); !checked) return checked.error();
    if (Result<void> checked = check_pids(asked); !checked) return checked.error();
    Options options = asked;
    std::optional<UserIdentity> user;
    if (!options.run.user.empty()) {
        Result<UserIdentity> found = find_user(options.run.user);
        if (!found) return found.error();
        user = *std::move(found);
    }
    std::optional<LaunchedCommand> command;
    if (!options.run.command.empty()) {
        if (Result<std::string> program = find_program(options.run.command.front()); !program)
            return program.error();
    }
    Result<Files> files = open_files(options);
    if (!files) return files.error();
    if (!options.run.command.empty()) {
        Result<LaunchedCommand> launched = LaunchedCommand::prepare(
            options.run.command, user, options.run.wait_all ? Orphans::adopted : Orphans::left_alone);
        if (!launched) return launched.error();
        command.emplace(*std::move(launched));
        options.filter.pids = {static_cast<std::uint32_t>(command->pid())};
        options.filter.follow = true;
    }
    RunOutcome outcome;
    outcome.command = options.run.command;
    outcome.pids.assign(options.filter.pids.begin(), options.filter.pids.end());
    outcome.user = user.has_value() ? user->name : "";
    std::string page;
    const Result<void> traced = trace(options, command, *files, outcome, page);
    if (files->recording) files->recording->discard_if_empty();
    if (!traced) {
        // Tracing has failed, not the command: it runs to its end.
        if (command && command->released()) command->wait();
        return traced.error();
    }
    if (Result<void> written = write_verdict(outcome, options, *files); !written) return written.error();
    if (Result<void> written = page.empty() ? Result<void>() : write_report(options.run.report_file, page); !written)
        return written.error();
    return static_cast<ExitCode>(outcome.verdict_code());
}

}  // namespace sockeye
