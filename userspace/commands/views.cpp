// SPDX-License-Identifier: GPL-2.0-only
#include "commands/views.h"

#include <fmt/format.h>

#include <utility>

#include "sinks/connects_sink.h"
#include "sinks/frame_text.h"
#include "sinks/json_sink.h"
#include "sinks/leaks_json.h"
#include "sinks/leaks_text.h"
#include "sinks/snapshot_json.h"
#include "sinks/snapshot_text.h"
#include "sinks/snapshot_view.h"
#include "sinks/source_view.h"
#include "sinks/text_sink.h"
#include "sinks/time_wait_json.h"
#include "sinks/time_wait_text.h"

namespace sockeye {

namespace {

std::unique_ptr<EventSink> make_event_sink(const Options& options, Output& output) {
    if (options.output == OutputFormat::json) return std::make_unique<JsonSink>(output);
    return std::make_unique<TextSink>(output, options.timestamp ? TextSink::Time::shown : TextSink::Time::hidden);
}

// Above each frame: where it comes from, if not from events, and the time if there are several or it was asked for.
class Headed final : public SnapshotSink {
public:
    Headed(Output& output, std::unique_ptr<SnapshotSink> shown, bool timed)
        : output_(output), shown_(std::move(shown)), timed_(timed) {}

    void write(const Snapshot& snapshot, std::span<const Finding> findings) override {
        output_.write(fmt::format("{}{}{}", first_ ? "" : "\n", source_line(snapshot),
                                  timed_ ? clock_text(snapshot) + '\n' : std::string()));
        first_ = false;
        shown_->write(snapshot, findings);
    }
    bool flush() override { return shown_->flush(); }

private:
    Output& output_;
    std::unique_ptr<SnapshotSink> shown_;
    bool timed_;
    bool first_ = true;
};

std::unique_ptr<SnapshotSink> verdict_text(std::unique_ptr<SnapshotSink> sink, const Options& options, Output& output,
                                           VerdictPace pace) {
    return std::make_unique<Headed>(output, std::move(sink), options.timestamp || pace == VerdictPace::each_interval);
}

std::unique_ptr<SnapshotSink> make_snapshot_sink(View view, const Options& options, Output& output,
                                                 const Diagnosis* diagnosis, VerdictPace pace) {
    const bool lines = pace == VerdictPace::each_interval;
    const auto sockets = options.sockets ? SnapshotJson::Sockets::listed : SnapshotJson::Sockets::left_out;
    if (view == View::top) {
        if (options.output == OutputFormat::json)
            return std::make_unique<SnapshotJson>(output, SnapshotJson::Layout::line, sockets);
        return std::make_unique<FrameText>(output);
    }
    if (view == View::leaks) {
        if (options.output == OutputFormat::json)
            return std::make_unique<LeaksJson>(output, lines ? LeaksJson::Layout::line : LeaksJson::Layout::indented,
                                               diagnosis->history());
        return verdict_text(std::make_unique<LeaksText>(output, diagnosis->history()), options, output, pace);
    }
    if (view == View::timewait) {
        if (options.output == OutputFormat::json)
            return std::make_unique<TimeWaitJson>(output, lines ? TimeWaitJson::Layout::line
                                                                : TimeWaitJson::Layout::indented);
        return verdict_text(std::make_unique<TimeWaitText>(output), options, output, pace);
    }
    if (view == View::connects) {
        if (options.output == OutputFormat::json) return std::make_unique<ConnectsJson>(output);
        return std::make_unique<ConnectsText>(output);
    }
    if (options.output == OutputFormat::json)
        return std::make_unique<SnapshotJson>(output, SnapshotJson::Layout::indented, sockets);
    return std::make_unique<SnapshotText>(output);
}

}  // namespace

ViewSinks::ViewSinks(View view, const Options& options, Output& output, VerdictPace pace)
    : view_(view), pace_(pace), options_(options) {
    // A finding is an event among others in a trace only; elsewhere it is the answer.
    if (view != View::trace || options.filter.wants(EventKind::finding))
        diagnosis_ = std::make_unique<Diagnosis>(view == View::leaks ? Concern::descriptors : Concern::everything);
    if (view == View::trace)
        events_ = make_event_sink(options, output);
    else
        snapshots_ = make_snapshot_sink(view, options, output, diagnosis_.get(), pace);
}

SnapshotMoment ViewSinks::moment() const {
    if (view_ == View::trace) return SnapshotMoment::never;
    if (view_ == View::top) return SnapshotMoment::each_tick;
    const bool paced = view_ == View::timewait || view_ == View::leaks;
    return paced && pace_ == VerdictPace::each_interval ? SnapshotMoment::each_interval : SnapshotMoment::at_end;
}

PipelineOutputs ViewSinks::outputs() const {
    return {.events = events_.get(),
            .snapshots = snapshots_.get(),
            .moment = moment(),
            .contents = {.sockets = options_.sockets,
                         .time_wait_makers = view_ == View::timewait   ? Makers::counted
                                             : diagnosis_ != nullptr ? Makers::rates
                                                                     : Makers::none,
                         .close_wait = diagnosis_ != nullptr,
                         .filter = &options_.filter,
                         .base = moment() == SnapshotMoment::at_end ? RateBase::first_snapshot
                                                                  : RateBase::previous_snapshot},
            .diagnosis = diagnosis_.get()};
}

ExitCode ViewSinks::verdict() const {
    const bool found = diagnosis_ != nullptr && !diagnosis_->findings().empty();
    return options_.exit_code && found ? ExitCode::finding : ExitCode::done;
}

PipelineOutputs review_outputs(ReviewSink& sink, Diagnosis& diagnosis, const Filter& filter) {
    return {.events = &sink,
            .snapshots = &sink,
            .moment = SnapshotMoment::whole_run,
            .contents = {.time_wait_makers = Makers::counted, .close_wait = true, .filter = &filter},
            .diagnosis = &diagnosis};
}

}  // namespace sockeye
