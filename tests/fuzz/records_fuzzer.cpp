// SPDX-License-Identifier: GPL-2.0-only
// Any bytes as a stream of records: decoder, aggregator, diagnoses, review and sinks must neither fail nor hang.
#include <fcntl.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "aggregate/aggregator.h"
#include "base/output.h"
#include "base/unique_fd.h"
#include "diagnose/diagnoses.h"
#include "diagnose/run_review.h"
#include "events/source.h"
#include "sinks/frame_text.h"
#include "sinks/html_report.h"
#include "sinks/json_sink.h"
#include "sinks/leaks_json.h"
#include "sinks/leaks_text.h"
#include "sinks/pipeline.h"
#include "sinks/review_sink.h"
#include "sinks/snapshot_fan.h"
#include "sinks/snapshot_json.h"
#include "sinks/snapshot_text.h"
#include "sinks/text_sink.h"
#include "sinks/time_wait_json.h"
#include "sinks/time_wait_text.h"

namespace {

using namespace sockeye;

void show(const RecordBatch& batch, Output& output) {
    JsonSink events(output);
    Diagnosis diagnosis;
    RunReview review;
    ReviewSink reviewed(review);
    SnapshotJson snapshots(output, SnapshotJson::Layout::line);
    TimeWaitJson time_waits(output, TimeWaitJson::Layout::line);
    LeaksJson leaks(output, LeaksJson::Layout::line, diagnosis.history());
    FrameText frames(output);
    SnapshotText text(output);
    TimeWaitText time_wait_text(output);
    LeaksText leaks_text(output, diagnosis.history());
    SnapshotFan fan({&reviewed, &snapshots, &time_waits, &leaks, &frames, &text, &time_wait_text, &leaks_text});
    Aggregator aggregator;
    Pipeline pipeline(aggregator, {.events = &events,
                                   .snapshots = &fan,
                                   .moment = SnapshotMoment::whole_run,
                                   .contents = {.sockets = true, .time_wait_makers = Makers::counted, .close_wait = true},
                                   .diagnosis = &diagnosis});
    pipeline.apply(batch);
    pipeline.finish();
    output.write(html_report(review));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const sockeye::UniqueFd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    static sockeye::Output output(null.get());
    sockeye::RecordBatch batch(size);
    if (size != 0) std::memcpy(batch.data(), data, size);
    show(batch, output);
    return 0;
}
