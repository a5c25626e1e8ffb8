// SPDX-License-Identifier: GPL-2.0-only
#include "commands/views.h"

#include "sinks/connects_sink.h"
#include "sinks/frame_text.h"
#include "sinks/json_sink.h"
#include "sinks/leaks_json.h"
#include "sinks/leaks_text.h"
#include "sinks/snapshot_json.h"
#include "sinks/snapshot_text.h"
#include "sinks/text_sink.h"
#include "sinks/time_wait_json.h"
#include "sinks/time_wait_text.h"

namespace sockeye {

namespace {

std::unique_ptr<EventSink> make_event_sink(const Options& options, Output& output) {
    if (options.output == OutputFormat::json) return std::make_unique<JsonSink>(output);
    return std::make_unique<TextSink>(output, options.timestamp ? TextSink::Time::shown : TextSink::Time::hidden);
}

std::unique_ptr<SnapshotSink> make_snapshot_sink(View view, const Options& options, Output& output) {
    const auto sockets = options.sockets ? SnapshotJson::Sockets::listed : SnapshotJson::Sockets::left_out;
    if (view == View::top) {
        if (options.output == OutputFormat::json)
            return std::make_unique<SnapshotJson>(output, SnapshotJson::Layout::line, sockets);
        return std::make_unique<FrameText>(output);
    }
    if (view == View::leaks) {
        if (options.output == OutputFormat::json) return std::make_unique<LeaksJson>(output);
        return std::make_unique<LeaksText>(output);
    }
    if (view == View::timewait) {
        if (options.output == OutputFormat::json) return std::make_unique<TimeWaitJson>(output);
        return std::make_unique<TimeWaitText>(output);
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

ViewSinks::ViewSinks(View view, const Options& options, Output& output) : view_(view), options_(options) {
    if (view == View::trace)
        events_ = make_event_sink(options, output);
    else
        snapshots_ = make_snapshot_sink(view, options, output);
    if (options.filter.wants(EventKind::finding))
        diagnosis_ = std::make_unique<Diagnosis>(view == View::leaks ? Concern::descriptors : Concern::everything);
}

PipelineOutputs ViewSinks::outputs() const {
    const SnapshotMoment moment = view_ == View::trace ? SnapshotMoment::never
                                  : view_ == View::top ? SnapshotMoment::each_tick
                                                       : SnapshotMoment::at_end;
    return {.events = events_.get(),
            .snapshots = snapshots_.get(),
            .moment = moment,
            .contents = {.sockets = options_.sockets,
                         .time_wait_makers = view_ == View::timewait   ? Makers::counted
                                             : diagnosis_ != nullptr ? Makers::rates
                                                                     : Makers::none,
                         .close_wait = diagnosis_ != nullptr,
                         .filter = &options_.filter,
                         .base = moment == SnapshotMoment::at_end ? RateBase::first_snapshot
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
