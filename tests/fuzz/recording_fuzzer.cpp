// SPDX-License-Identifier: GPL-2.0-only
// Any bytes as a recording: what can be read is read, and what can't is named, with no byte counted twice.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/unique_fd.h"
#include "events/recording.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sockeye;
    const UniqueFd file(memfd_create("recording", MFD_CLOEXEC));
    if (!file.valid() || write(file.get(), data, size) != static_cast<ssize_t>(size)) std::abort();
    const std::string path = "/proc/self/fd/" + std::to_string(file.get());
    RecordingReader::last_ktime_ns(path);
    Result<std::unique_ptr<RecordingReader>> recording = RecordingReader::open(path);
    if (!recording) return 0;
    RecordBatch batch;
    for (;;) {
        batch.clear();
        const Result<SourceStatus> status = (*recording)->read(batch);
        if (!status || *status != SourceStatus::records) break;
    }
    std::uint64_t end = 0;
    for (const RecordingDamage& damage : (*recording)->damage()) {
        if (damage.offset < end || damage.offset + damage.bytes > size || describe(damage).empty()) std::abort();
        end = damage.offset + damage.bytes;
    }
    return 0;
}
