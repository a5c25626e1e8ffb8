// SPDX-License-Identifier: GPL-2.0-only
// run: traces a command and all that descends from it, from its first system call to its end, or running services
// or the whole host for a time, and judges what it saw. stdout and stderr of the command are its own.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <set>

#include "aggregate/aggregator.h"
#include "base/event_loop.h"
#include "base/format.h"
#include "base/output.h"
#include "commands/command.h"
#include "commands/filter_words.h"
#include "commands/launch.h"
#include "commands/live.h"
#include "commands/live_plan.h"
#include "commands/report_file.h"
#include "commands/run_subject.h"
#include "commands/session.h"
#include "commands/talk.h"
#include "events/recording.h"
#include "sinks/event_fan.h"
#include "sinks/html_report.h"
#include "sinks/review_sink.h"
#include "sinks/run_verdict.h"
#include "sinks/snapshot_fan.h"
#include "verdict/run_ledger.h"

namespace sockeye {

namespace {

Error wrong(std::string message) { return Error(std::move(message), ExitCode::usage); }

Result<void> check_with_command(const Options& options) {
    if (options.run.command.front().empty()) return wrong("run: '' is no command: sockeye run -- CMD [ARGUMENT]...");
    if (!options.filter.pids.empty())
        return wrong(fmt::format("--pid: '{}' goes with --for, not with a command: what the command starts is followed anyway",
                                 fmt::join(std::set(options.filter.pids.begin(), options.filter.pids.end()), ",")));
    if (options.duration.has_value())
        return wrong(fmt::format("--for: '{}' goes without a command: to end one after a time, `sockeye run -- timeout 60 CMD`",
                                 format_duration(*options.duration)));
    return {};
}

Result<void> check_without_command(const Options& options) {
    if (!options.run.user.empty())
        return wrong(fmt::format("--user: '{}' goes with a command, which runs as that user: `-- CMD`", options.run.user));
    if (options.run.wait_all) return wrong("--wait-all: '' goes with a command, whose descendants are waited for: `-- CMD`");
    if (!options.duration.has_value() && filter_words(options.filter).empty())
        return wrong("run: '' is no command: sockeye run -- CMD [ARGUMENT]..., or --for TIME of the whole host or of "
                     "what --pid, --port … take");
    return {};
}

// Opened before anything runs; empty: none. What the file holds stays until there is something else to write.
Result<UniqueFd> open_for_writing(const char* option, const std::string& file) {
    if (file.empty()) return UniqueFd();
    UniqueFd fd(open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
    if (!fd.valid())
        return Error(fmt::format("{}: '{}' can't be written: {}", option, file, std::strerror(errno)),
                     ExitCode::usage);
    return fd;
}

Result<void> write_to(int fd, const std::string& text) {
    // What was there before; a pipe or a terminal has nothing.
    struct stat status {};
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && fd != STDERR_FILENO && ftruncate(fd, 0) != 0)
        return Error(fmt::format("what the verdict's file held can't be overwritten: {}: name another file", std::strerror(errno)));
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
    Result<RecordingWriter> recording = RecordingWriter::create(options.run.record_file, "--record");
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
    RunSubject subject(options, *loop, command, ledger);
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
    add_options(app, kRunOptions | kScopeOptions | kOutputOptions | kIntervalOption | kHookOptions | kForceOption,
                options);
    app.footer("sockeye run [OPTIONS] -- CMD [ARGUMENT]...\nsockeye run [OPTIONS] --for TIME [-p PID[,PID]]\n\n" +
               assertion_help() +
               "\n\nThe verdict goes to stderr, or to --verdict-file. CMD runs with sockeye's own credentials, or "
               "as --user;\n"
               "the run ends with CMD, or with its last descendant (--wait-all).\n"
               "Exit codes: 3 a finding of severity warning or critical, or an assertion that is not met; 126, "
               "127 CMD can't\n"
               "be executed or found; 1, 2, 4 sockeye's own; else CMD's own, 128 + N if signal N ended it.");
}

Result<ExitCode> run_run(const Options& asked) {
    if (Result<void> checked = asked.run.command.empty() ? check_without_command(asked) : check_with_command(asked);
        !checked)
        return checked.error();
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
    outcome.filter = filter_words(asked.filter);
    outcome.pids.assign(options.filter.pids.begin(), options.filter.pids.end());
    outcome.user = user.has_value() ? user->name : "";
    std::string page;
    const Result<void> traced = trace(options, command, *files, outcome, page);
    if (files->recording) files->recording->discard_if_empty();
    if (!traced) {
        if (!command || !command->released() || command->ended()) return traced.error();
        // Tracing has failed, not the command: it runs to its end.
        talk::say("{}; {} runs on untraced, and there will be no verdict", traced.error().message,
                  options.run.command.front());
        command->wait();
        return traced.error().exit_code;
    }
    if (Result<void> written = write_verdict(outcome, options, *files); !written) return written.error();
    if (Result<void> written = page.empty() ? Result<void>() : write_report(options.run.report_file, page); !written)
        return written.error();
    return static_cast<ExitCode>(outcome.verdict_code());
}

}  // namespace sockeye
